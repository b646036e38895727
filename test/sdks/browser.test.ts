import { randomUUID } from "node:crypto";
import type { Browser, BrowserContext, Page, Request } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it, vi } from "vitest";
import { CHROMIUM, launchChromium } from "../chromium.ts";
import { startFaultyProxy } from "./faulty-proxy.ts";
import { startPageServer } from "./page-server.ts";
import type * as pageClients from "./page/clients.ts";
import { READ_KEY, startWorker, WRITE_KEY } from "./running-worker.ts";

/** Run within the page. */
declare const clients: typeof pageClients;

interface Case {
  name: string;
  start: (page: Page, target: pageClients.Target, people: pageClients.People) => Promise<void>;
  /** The header by which the SDK marks a retry. */
  retryMark: string;
}

const SDKS: Case[] = [
  {
    name: "@segment/analytics-next",
    start: (page, target, people) =>
      page.evaluate(([to, who]) => clients.segment(to, who, "standard"), [target, people] as const),
    retryMark: "x-retry-count",
  },
  {
    name: "@segment/analytics-next, batching",
    start: (page, target, people) =>
      page.evaluate(([to, who]) => clients.segment(to, who, "batching"), [target, people] as const),
    retryMark: "x-retry-count",
  },
  {
    name: "@rudderstack/analytics-js",
    start: (page, target, people) =>
      page.evaluate(([to, who]) => clients.rudder(to, who, false), [target, people] as const),
    retryMark: "rsa-retry-attempt",
  },
];

/** All calls as events, each with its user. */
function expectedOf({ visitor, user }: pageClients.People): string[] {
  const ofUser = ["identify", "page", "clicked", "clicked", "clicked", "group", "alias"];
  return [`${visitor} visited`, ...ofUser.map((event) => `${user} ${event}`)].sort();
}

function withoutUsers(events: string[]): string[] {
  return events.map((event) => event.split(" ")[1]!).sort();
}

let worker: Awaited<ReturnType<typeof startWorker>>;
let pages: Awaited<ReturnType<typeof startPageServer>>;

// The timeout is long because a browser on a busy machine is slow.
describe.skipIf(!CHROMIUM)("in Chromium, from a page of another site", { timeout: 120_000 }, () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let requests: Request[];
  let people: pageClients.People;
  let target: pageClients.Target;

  beforeAll(async () => {
    [worker, pages, browser] = await Promise.all([startWorker(), startPageServer(), launchChromium()]);
  }, 120_000);
  afterAll(async () => {
    await browser.close();
    pages.close();
    await worker.close();
  });

  beforeEach(async () => {
    people = { visitor: randomUUID(), user: randomUUID() };
    target = { url: worker.url, writeKey: WRITE_KEY };
    context = await browser.newContext();
    page = await context.newPage();
    requests = [];
    page.on("request", (request) => requests.push(request));
    await page.goto(pages.url);
  });
  afterEach(() => context.close());

  /** Waits until D1 has this many events of these users, closes the page, and waits until D1 has everything that arrived. */
  async function eventsOf({ visitor, user }: pageClients.People, count: number): Promise<string[]> {
    const events = async () =>
      (await worker.rows())
        .filter((row) => [visitor, user].includes(row.user_id))
        .map((row) => `${row.user_id} ${row.event}`);
    await vi.waitUntil(async () => (await events()).length >= count, { timeout: 60_000, interval: 100 });
    await context.close();
    for (const id of [visitor, user])
      await vi.waitUntil(async () => (await pendingOf(id)) === 0, { timeout: 60_000, interval: 100 });
    return (await events()).sort();
  }

  describe.for(SDKS)("$name", ({ start, retryMark }) => {
    it("brings every call to D1, once, with a tracing library in the page", async ({ expect }) => {
      await page.evaluate(() => clients.addTracing());
      await start(page, target, people);
      expect(await eventsOf(people, 8)).toEqual(expectedOf(people));
      const posts = requests.filter((request) => request.method() === "POST");
      expect(posts.length).toBeGreaterThan(0);
      for (const request of posts) expect(request.headers()).toHaveProperty("traceparent");
      expect(requests.filter((request) => ![pages.url, worker.url].includes(new URL(request.url()).origin))).toEqual(
        [],
      );
    });

    it.for(["503", "answer lost"] as const)(
      "sends again after: %s, and each call is there once",
      async (fault, { expect }) => {
        const proxy = await startFaultyProxy(worker.url, fault);
        try {
          await page.evaluate(() => clients.addTracing());
          await start(page, { ...target, url: proxy.url }, people);
          // Chromium itself repeats a request that was lost with a reused connection, without the SDK's mark.
          await vi.waitUntil(() => isFirstRepeated(proxy.bodies), { timeout: 60_000, interval: 100 });
          if (fault === "503")
            expect(requests.filter((request) => request.headers()[retryMark] !== undefined)).not.toEqual([]);
          // By the time of a retry, one of the SDKs has put the user in the visitor's place.
          expect(withoutUsers(await eventsOf(people, 8))).toEqual(withoutUsers(expectedOf(people)));
          expect(proxy.statuses.filter((status) => status !== 200)).toEqual(fault === "503" ? [503] : []);
        } finally {
          proxy.close();
        }
      },
    );
  });

  it("brings every call of @rudderstack/analytics-js by beacon to D1, once, when the page is left", async ({
    expect,
  }) => {
    await page.evaluate(([to, who]) => clients.rudder(to, who, true), [target, people] as const);
    await page.goto("about:blank");
    expect(await eventsOf(people, 8)).toEqual(expectedOf(people));
  });

  it("lets a fetch with credentials bring its event to D1, and read the answer", async ({ expect }) => {
    await page.evaluate(() => clients.addTracing());
    const event = eventOf(people.user);
    const answer = await page.evaluate(([to, sent]) => clients.credentialedFetch(to, sent), [target, event] as const);
    expect(answer).toMatchObject({ status: 200, requestId: expect.any(String), body: { status: "created" } });
    expect(await eventsOf(people, 1)).toEqual([`${people.user} left`]);
  });

  it.for(["text", "JSON Blob"] as const)("brings a beacon to D1, once: %s", async (form, { expect }) => {
    const event = eventOf(people.user);
    expect(await page.evaluate(([to, sent, as]) => clients.beacon(to, sent, as), [target, event, form] as const)).toBe(
      true,
    );
    expect(await eventsOf(people, 1)).toEqual([`${people.user} left`]);
  });
});

function eventOf(user: string) {
  return { event: "left", user_id: user, timestamp: new Date().toISOString(), properties: {} };
}

/** Whether the first message came again in a later request. */
function isFirstRepeated([first = "", ...later]: string[]): boolean {
  const [id] = /"messageId":"[^"]+"/.exec(first) ?? [];
  return id !== undefined && later.some((body) => body.includes(id));
}

/** How many of a user's events D1 lacks, as the user's log says. */
async function pendingOf(user: string): Promise<number> {
  const response = await fetch(`${worker.url}/users/${user}`, { headers: { Authorization: `Bearer ${READ_KEY}` } });
  if (response.status === 404) return 0;
  return ((await response.json()) as { pending: number }).pending;
}
