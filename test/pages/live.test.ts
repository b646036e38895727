import type { Browser, Page, WebSocketRoute } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { CHROMIUM, launchChromium } from "../chromium.ts";
import { READ_KEY, startWorker } from "../sdks/running-worker.ts";
import { anEvent, HOSTILE, openPage, send } from "./open-page.ts";

let worker: Awaited<ReturnType<typeof startWorker>>;
let browser: Browser;

beforeAll(async () => {
  worker = await startWorker();
  if (CHROMIUM) browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await worker.close();
});

function user(): string {
  return `user-${crypto.randomUUID()}`;
}
function rowOf(page: Page, userId: string) {
  return page.locator(".row", { hasText: userId });
}

async function open(query = "", options: Parameters<typeof openPage>[3] = {}) {
  const opened = await openPage(browser, worker.url, `/live${query}`, options);
  await opened.page.locator(".status.open").waitFor();
  return opened;
}

describe("GET /live", () => {
  it("is a page for a browser, which may load nothing from elsewhere", async ({ expect }) => {
    const page = await fetch(`${worker.url}/live`, { headers: { Accept: "text/html" } });
    expect(page.headers.get("Content-Type")).toMatch(/^text\/html/);
    const policy = page.headers.get("Content-Security-Policy");
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(policy).toContain("require-trusted-types-for 'script'");
    expect(await page.text()).not.toMatch(/https?:|READ_KEYS|k-team/);
  });

  it("needs a key otherwise", async ({ expect }) => {
    const { status } = await fetch(`${worker.url}/live`);
    expect(status).toBe(401);
  });
});

// The timeout is long because a browser on a busy machine is slow.
describe.skipIf(!CHROMIUM)("/live in Chromium", { timeout: 60_000 }, () => {
  it("shows an event within two seconds, with the lag until D1 has it", async ({ expect }) => {
    const ann = user();
    const { page, complaints } = await open();
    await send(worker.url, "/track", anEvent(ann, { properties: { plan: "pro" } }));
    const row = rowOf(page, ann);
    await row.waitFor({ timeout: 2_000 });
    expect(await row.textContent()).toMatch(/created.*signed_up.*plan: pro.*site/);
    const bob = user(); // now the isolate knows that somebody watches, and asks the log for details
    await send(worker.url, "/track", anEvent(bob));
    await rowOf(page, bob).locator(".in-d1", { hasText: "ms" }).waitFor({ timeout: 10_000 });
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("shows a rejected event with its reason, marked in what was sent", async ({ expect }) => {
    const ann = user();
    const { page, complaints } = await open();
    await send(worker.url, "/track", [anEvent(ann, { properties: ["x"], timestamp: "2026-02-30" })]);
    const row = rowOf(page, ann);
    await row.waitFor({ timeout: 2_000 });
    expect(await row.textContent()).toContain("/properties must be an object");
    await row.locator(".event").click();
    const marked = await page.locator(".panel .json .line.fault").allTextContents();
    expect(marked).toHaveLength(2);
    expect(marked[0]).toMatch(/"timestamp": "2026-02-30".*impossible date|"properties": \[.*must be an object/);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("shows what an update changed", async ({ expect }) => {
    const ann = user();
    const { page } = await open();
    await send(worker.url, "/track", anEvent(ann, { properties: { plan: "free" } }));
    await rowOf(page, ann).waitFor();
    await send(worker.url, "/track", anEvent(ann, { properties: { plan: "pro" } }));
    await page.locator(".row.updated .event").click();
    expect(await page.locator(".change").textContent()).toContain('properties.plan"free""pro"');
    await page.close();
  });

  it("filters by verdict, event, user and text, and keeps the filter in the address", async ({ expect }) => {
    const [ann, bob] = [user(), user()];
    const { page } = await open();
    await page.locator("input[name=event]").fill("ORDER");
    await page.locator("input[name=text]").fill('a "b"');
    await page.locator(".chip.created").click();
    await page.waitForURL(/verdict=created/);
    await page.waitForTimeout(500); // the filter is on its way to the server
    await send(worker.url, "/track", [
      anEvent(bob, { event: "order_completed" }),
      anEvent(bob, { event: "other", properties: { note: 'a "b"' } }),
      anEvent(ann, { event: "order_completed", properties: { note: 'a "b"' } }),
      anEvent(ann, { event: "order_completed", properties: { note: 'a "b"' } }),
    ]);
    await rowOf(page, ann).waitFor();
    expect(await page.locator(".row").count()).toBe(1);
    expect(new URL(page.url()).searchParams.get("text")).toBe('a "b"');
    await page.keyboard.press("Escape");
    await page.keyboard.press("x");
    expect(await page.locator("input[name=event]").inputValue()).toBe("");
    expect(new URL(page.url()).search).toBe("");
    await page.close();
  });

  it("begins with the filter of the address", async ({ expect }) => {
    const [ann, bob] = [user(), user()];
    const { page } = await open(`?user_id=${encodeURIComponent(`"${ann}"`)}`);
    await send(worker.url, "/track", [anEvent(bob), anEvent(ann)]);
    await rowOf(page, ann).waitFor();
    expect(await page.locator(".row").count()).toBe(1);
    await page.close();
  });

  it("holds events back while it is paused, and shows them when it resumes", async ({ expect }) => {
    const [ann, bob] = [user(), user()];
    const { page } = await open();
    await send(worker.url, "/track", anEvent(ann));
    await rowOf(page, ann).waitFor();
    await page.keyboard.press("p");
    await send(worker.url, "/track", anEvent(bob));
    const goOn = page.locator("button", { hasText: "Resume, 1 new" });
    await goOn.waitFor();
    expect(await rowOf(page, bob).count()).toBe(0);
    await goOn.click();
    await rowOf(page, bob).waitFor();
    await page.close();
  });

  it("can be used by keyboard: choose, raw, the user, close, help", async ({ expect }) => {
    const ann = user();
    const { page, complaints } = await open();
    await send(worker.url, "/track", [anEvent(ann), anEvent(ann, { event: "second", properties: { a: [1, null] } })]);
    await rowOf(page, ann).nth(1).waitFor();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    expect(await page.locator(".row[aria-current] .event").textContent()).toBe("second");
    await page.keyboard.press("r");
    expect(await page.locator(".panel .json").textContent()).toContain('"revision": 1');
    expect(page.url()).toContain("view=raw");
    await page.keyboard.press("u");
    await page.locator(".panel", { hasText: "2 events" }).waitFor();
    await page.keyboard.press("Escape");
    expect(await page.locator(".panel").count()).toBe(0);
    await page.keyboard.press("?");
    expect(await page.locator("[role=dialog]").textContent()).toContain("pause");
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type("jkpx");
    expect(await page.locator("input[name=text]").inputValue()).toBe("jkpx");
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("never takes what a client sent for markup", async ({ expect }) => {
    const { page, complaints } = await open();
    const list = HOSTILE.map((text) => ({ [text]: text, nested: [{ [text]: text }] }));
    await send(
      worker.url,
      "/track",
      HOSTILE.map((text, i) => anEvent(text, { event: text, properties: list[i] })),
    );
    await send(
      worker.url,
      "/track",
      HOSTILE.map((text) => anEvent(text, { event: text, properties: [text], [text]: text })),
    );
    await page
      .locator(".row.rejected")
      .nth(HOSTILE.length - 1)
      .waitFor();
    const shown = await page.locator(".row .event").allTextContents();
    for (const text of HOSTILE) expect(shown.filter((event) => event === text)).toHaveLength(2);
    for (let i = 0; i < 2 * HOSTILE.length; i++) {
      await page.keyboard.press("j");
      await page.locator(".panel .json").first().waitFor();
    }
    await page.keyboard.press("u");
    await page.locator(".panel .timeline, .panel [role=alert]").first().waitFor();
    expect(await page.locator("img, .stream script, .panel script, .panel svg, iframe").count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("copies a command that sends the event again, with any characters", async ({ expect }) => {
    const ann = user();
    const { page } = await open("", { permissions: ["clipboard-read", "clipboard-write"] });
    await send(worker.url, "/track", anEvent(ann, { properties: { note: "it's $HOME `id`" } }));
    await rowOf(page, ann).locator(".event").click();
    await page.locator(".panel button", { hasText: "Copy as curl" }).click();
    await page.locator(".panel button", { hasText: "Copied" }).waitFor();
    const command = await page.evaluate("navigator.clipboard.readText()");
    expect(command).toContain(`curl ${worker.url}/track -H "Authorization: Bearer $WRITE_KEY" --data '`);
    expect(command).toContain(`it'\\''s $HOME`);
    await page.close();
  });

  it("reconnects when the connection is lost, and says that events may be missing", async ({ expect }) => {
    const ann = user();
    const sockets: WebSocketRoute[] = [];
    const prepare = (page: Page) =>
      page.routeWebSocket(/\/live\?/, (socket) => {
        sockets.push(socket);
        socket.connectToServer();
      });
    const { page, complaints } = await open("", { prepare });
    await sockets[0]!.close();
    await page.locator(".gap", { hasText: "The connection was lost" }).waitFor({ timeout: 10_000 });
    await send(worker.url, "/track", anEvent(ann));
    await rowOf(page, ann).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("refuses a wrong key, asks again, and keeps the right one for the tab only", async ({ expect }) => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${worker.url}/live`);
    await page.locator("input[name=key]").fill("wrong");
    await page.locator("button[type=submit]").click();
    await page.locator("[role=alert]", { hasText: "READ_KEYS" }).waitFor();
    await page.locator("input[name=key]").fill(READ_KEY);
    await page.locator("button[type=submit]").click();
    await page.locator(".status.open").waitFor();
    expect(page.url()).not.toContain(READ_KEY);
    await page.reload();
    await page.locator(".status.open").waitFor();
    const other = await context.newPage();
    await other.goto(`${worker.url}/live`);
    await other.locator("input[name=key]").waitFor();
    expect(await page.evaluate("JSON.stringify(localStorage) + document.cookie")).toBe("{}");
    await context.close();
  });

  it("fits a small screen, light and dark, without scrolling sideways", async ({ expect }) => {
    for (const colorScheme of ["light", "dark"] as const) {
      const ann = user();
      const { page, complaints } = await open("", { viewport: { width: 390, height: 800 }, colorScheme });
      const long = "x".repeat(190);
      await send(worker.url, "/track", anEvent(ann, { event: long, properties: { [long]: long } }));
      await rowOf(page, ann).locator(".event").click();
      await page.locator(".panel").waitFor();
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
      expect(complaints).toEqual([]);
      await page.close();
    }
  });
});
