import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { CHROMIUM, launchChromium } from "../chromium.ts";
import { READ_KEY, startWorker } from "../sdks/running-worker.ts";
import { anEvent, HOSTILE, openPage, send } from "./open-page.ts";

let worker: Awaited<ReturnType<typeof startWorker>>;
let browser: Browser;

const HOUR = 3_600_000;
const now = Date.now();
const ago = (ms: number) => new Date(now - ms).toISOString();

/** What the tests look for: 7 events of "ann" and 2 of "bob" in the last hours, and one that is rejected. */
const EVENTS = [
  ...[1, 2, 3, 4, 5].map((n) =>
    anEvent("ann", {
      event: "page_viewed",
      timestamp: ago(2 * HOUR + n),
      properties: { path: n < 4 ? "/a" : "/b" },
      context: { anonymousId: "device-1" },
    }),
  ),
  anEvent("ann", { event: "ordered", timestamp: ago(3 * HOUR), properties: { name: "Ann Example" } }),
  anEvent("ann", { event: "ordered", timestamp: ago(5 * 24 * HOUR) }),
  anEvent("bob", { event: "page_viewed", timestamp: ago(4 * HOUR), properties: { path: "/a" } }),
  anEvent("bob", { event: "ordered", timestamp: ago(4 * HOUR) }),
  anEvent("bob", { event: "ordered", timestamp: "2026-02-30" }),
];

beforeAll(async () => {
  worker = await startWorker();
  if (!CHROMIUM) return;
  browser = await launchChromium();
  await send(worker.url, "/track", EVENTS);
  await until(async () => (await worker.rows()).length === 9);
  await until(async () => (await statsOf("by=verdict&key=site")).length > 0);
});
afterAll(async () => {
  await browser?.close();
  await worker.close();
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  throw new Error("It did not come about within half a minute");
}

async function statsOf(query: string): Promise<unknown[]> {
  const response = await fetch(`${worker.url}/stats?${query}`, { headers: { "x-api-key": READ_KEY } });
  return ((await response.json()) as { rows: unknown[] }).rows;
}

async function open(query = "", options: Parameters<typeof openPage>[3] = {}) {
  const opened = await openPage(browser, worker.url, `/${query}`, options);
  await opened.page
    .locator(query.includes("user=") ? ".facts, .error, .quiet" : ".tiles")
    .first()
    .waitFor();
  return opened;
}

// The timeout is long because a browser on a busy machine is slow.
describe.skipIf(!CHROMIUM)("/ in Chromium", { timeout: 60_000 }, () => {
  it("says what this is before a key is entered, and requests nothing", async ({ expect }) => {
    const page = await browser.newPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(worker.url);
    await page.locator("input[name=key]").waitFor();
    expect(await page.locator(".welcome").textContent()).toContain("This is an event-tracking API.");
    expect(asked.filter((path) => path !== "/" && !path.startsWith("/ui/"))).toEqual([]);
    await page.close();
  });

  it("says that a key is wrong, and accepts the next one", async ({ expect }) => {
    const page = await browser.newPage();
    await page.goto(worker.url);
    await page.locator("input[name=key]").fill("wrong");
    await page.keyboard.press("Enter");
    await page.locator("[role=alert]").waitFor();
    await page.locator("input[name=key]").fill(READ_KEY);
    await page.keyboard.press("Enter");
    await page.locator(".tiles").waitFor();
    expect(await page.evaluate("JSON.stringify([localStorage.length, document.cookie])")).toBe('[0,""]');
    await page.close();
  });

  it("shows the figures of what was sent", async ({ expect }) => {
    const { page, complaints } = await open();
    expect(await tile(page, "Events")).toBe("8");
    expect(await tile(page, "Rejected")).toBe("1");
    expect(await tile(page, "Waiting")).toBe("0");
    expect(await barsOf(page, "Top events")).toEqual(["page_viewed 6", "ordered 2"]);
    expect(await barsOf(page, "Verdicts")).toEqual(["created 9", "rejected 1"]);
    await page.getByRole("button", { name: "7d" }).click();
    await until(async () => (await tile(page, "Events")) === "9");
    expect(await barsOf(page, "Top events")).toEqual(["page_viewed 6", "ordered 3"]);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("shows an event's properties, and keeps what was chosen in the address", async ({ expect }) => {
    const { page, complaints } = await open();
    await page.locator("[aria-label='Top events'] .row", { hasText: "page_viewed" }).click();
    await page.locator("[aria-label=Properties]").waitFor();
    expect(await barsOf(page, "Properties")).toEqual(["/a 4", "/b 2"]);
    expect(new URL(page.url()).search).toBe("?event=page_viewed");
    await page.reload();
    await page.locator("[aria-label=Properties]").waitFor();
    expect(await tile(page, "page_viewed")).toBe("6");
    await page.goBack();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("can be used with the keyboard alone", async ({ expect }) => {
    const { page } = await open();
    await page.keyboard.press("3");
    expect(new URL(page.url()).search).toBe("?range=7d");
    await until(async () => (await tile(page, "Events")) === "9");
    await page.locator(".plot").first().focus();
    await page.keyboard.press("ArrowLeft");
    expect(await page.locator(".legend .when").first().textContent()).toMatch(/\d\d:00/);
    await page.keyboard.press("/");
    await page.keyboard.type("ann");
    await page.keyboard.press("Enter");
    await page.locator(".happenings").first().waitFor();
    expect(new URL(page.url()).searchParams.get("user")).toBe("ann");
    await page.keyboard.press("Escape");
    await page.locator(".tiles").waitFor();
    await page.close();
  });

  it("shows a user day by day, with gaps, profile, other ids and what waits", async ({ expect }) => {
    const { page, complaints } = await open("?user=ann");
    await page.locator(".happenings").first().waitFor();
    expect(await page.locator("h1").textContent()).toBe("Ann Example");
    expect(await page.locator(".happenings .event").allTextContents()).toEqual([
      ...Array.from({ length: 5 }, () => "page_viewed"),
      "ordered",
      "ordered",
    ]);
    expect(await page.locator(".gap").textContent()).toMatch(/^[34] days without an event$/);
    await until(async () => {
      await page.reload();
      await page.locator(".facts").waitFor();
      return (await page.locator(".facts").textContent())!.includes("D1 has everything");
    });
    await page.locator(".links button", { hasText: "device-1" }).click();
    await page.locator("[role=alert]", { hasText: "Nothing is stored" }).waitFor();
    expect(complaints.filter((line) => !line.includes("404"))).toEqual([]);
    await page.close();
  });

  it("saves what it shows as CSV", async ({ expect }) => {
    const { page } = await open("?range=7d");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save events by name as CSV" }).click();
    const stream = await (await download).createReadStream();
    const text = (await stream.toArray()).join("");
    expect(text).toBe("event,events\r\npage_viewed,6\r\nordered,3\r\n");
    await page.close();
  });

  it.for([
    [1280, "light"],
    [390, "dark"],
  ] as const)("fits a window of %d pixels in %s", async ([width, colorScheme], { expect }) => {
    const { page } = await open("?range=7d", { viewport: { width, height: 800 }, colorScheme });
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    await page.close();
  });

  it("never takes what a client sent for markup", async ({ expect }) => {
    const user = HOSTILE[0]!;
    const hostile = HOSTILE.map((text, index) =>
      anEvent(user, {
        event: text,
        timestamp: ago(index * 1_000),
        properties: { [text]: text, name: text },
        context: { anonymousId: HOSTILE[1] },
      }),
    );
    const sent = await send(worker.url, "/track", hostile);
    expect(sent.status).toBe(200);
    await until(async () => (await worker.rows()).length === 9 + HOSTILE.length);
    for (const query of [
      `?range=1h`,
      ...HOSTILE.map((event) => `?${new URLSearchParams({ range: "1h", event }).toString()}`),
      `?${new URLSearchParams({ user }).toString()}`,
    ]) {
      const { page, complaints } = await open(query);
      await page
        .getByText(query === "?range=1h" ? HOSTILE[1]! : user)
        .first()
        .waitFor();
      for (const details of await page.locator("details > summary").all()) await details.click();
      expect(await page.locator("img, script:not([type=module]), main svg, iframe").count()).toBe(0);
      expect(complaints).toEqual([]);
      await page.close();
    }
  });
});

async function tile(page: Page, name: string): Promise<string | null> {
  return page
    .locator(".tile", { has: page.locator("dt", { hasText: name }) })
    .locator("dd")
    .first()
    .textContent();
}

async function barsOf(page: Page, card: string): Promise<string[]> {
  const rows = page.locator(`[aria-label='${card}'] .bars .row`);
  const texts = await rows.evaluateAll((all) =>
    all.map((row) => {
      const [label, number] = [".label", ".number"].map((name) => row.querySelector(name)?.textContent ?? "");
      return `${label!.replace(/^[^\w/]/, "")} ${number}`;
    }),
  );
  return texts;
}
