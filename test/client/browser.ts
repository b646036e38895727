import { randomUUID } from "node:crypto";
import type { BrowserContext, Page } from "playwright-core";
import type {
  createClient as CreateClient,
  DropReason,
  Failure,
  Fault,
  Options,
  SentEvent,
} from "../../client/src/index.ts";
import { startWorker, WRITE_KEY } from "../sdks/running-worker.ts";
import { launchChromium } from "../chromium.ts";
import { startSite } from "./site.ts";
import { startUnreliableServer } from "./unreliable-server.ts";

/** What pages have: the site's script, and what tests put beside it. */
declare global {
  interface Window {
    createClient: typeof CreateClient;
    client: ReturnType<typeof CreateClient>;
    told: Told;
    /** How many events of other tabs this tab has seen disappear. */
    removals: number;
    /** What /t.js makes. */
    tracklog: ReturnType<typeof CreateClient>;
  }
}

/** What a page's client told its callbacks. */
interface Told {
  drops: [event: string, reason: DropReason][];
  rejects: [event: SentEvent, faults: Fault[]][];
  failures: Failure[];
}

/** A Worker, a server before it that can fail, a site of another origin, and a Chromium. */
export async function startSetting() {
  const [worker, site, browser] = await Promise.all([startWorker(), startSite(), launchChromium()]);
  const server = await startUnreliableServer(worker.url);
  return {
    worker,
    site,
    browser,
    server,
    async close() {
      await browser.close();
      site.close();
      server.close();
      await worker.close();
    },
  };
}

export type Setting = Awaited<ReturnType<typeof startSetting>>;

/** A visitor with a browser profile of their own. */
export async function aVisitor({ browser, server }: Setting) {
  server.control.fate = () => "forward";
  server.requests.length = 0;
  const userId = `u-${randomUUID()}`;
  const context = await browser.newContext();
  return { userId, context, close: () => context.close() };
}

/** Opens a page and makes a client in it. */
export async function connect(
  { site, server }: Setting,
  context: BrowserContext,
  options: Partial<Options> = {},
  path = "/",
): Promise<Page> {
  const page = await context.newPage();
  await page.goto(site.url + path);
  await connectAgain(page, { url: server.url, key: WRITE_KEY, ...options });
  return page;
}

async function connectAgain(page: Page, options: Options): Promise<void> {
  await page.evaluate((given) => {
    window.told = { drops: [], rejects: [], failures: [] };
    window.client = window.createClient({
      ...given,
      onDrop: ({ event }, reason) => window.told.drops.push([event, reason]),
      onReject: (event, faults) => window.told.rejects.push([event, faults]),
      onFailure: (failure) => window.told.failures.push(failure),
    });
  }, options);
}

/** Tracks events named `<prefix>0`, `<prefix>1` … in the page. */
export function track(page: Page, userId: string, count: number, prefix = "e"): Promise<void> {
  return page.evaluate(
    ([user, total, name]) => {
      for (let i = 0; i < total; i++) window.client.track(`${name}${i}`, { i }, { userId: user });
    },
    [userId, count, prefix] as const,
  );
}

export function told(page: Page): Promise<Told> {
  return page.evaluate(() => window.told);
}

/** The keys under which the client keeps something in the page's origin. */
export function stored(page: Page): Promise<string[]> {
  return page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith("tracklog")));
}
