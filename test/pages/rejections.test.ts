import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, it, vi } from "vitest";
import { CHROMIUM, launchChromium } from "../chromium.ts";
import { READ_KEY, startWorker } from "../sdks/running-worker.ts";
import { anEvent, HOSTILE, openPage, send } from "./open-page.ts";

let worker: Awaited<ReturnType<typeof startWorker>>;
let browser: Browser;

beforeAll(async () => {
  worker = await startWorker({ vars: { KEEP_REJECTED_BODIES: "true" } });
  if (CHROMIUM) browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await worker.close();
});

/** Waits until this many rejections of an event are kept. */
function kept(event: string, count: number): Promise<void> {
  return vi.waitFor(
    async () => {
      const path = `${worker.url}/rejections?event=${encodeURIComponent(event)}`;
      const answer = await fetch(path, { headers: { Authorization: `Bearer ${READ_KEY}` } });
      const { rejections } = (await answer.json()) as { rejections: unknown[] };
      if (rejections.length !== count) throw new Error(`${rejections.length} instead of ${count}`);
    },
    { timeout: 10_000, interval: 200 },
  );
}

function reasonWith(page: Page, text: string) {
  return page.locator(".reason", { hasText: text });
}

describe.skipIf(!CHROMIUM)("/rejections in Chromium", { timeout: 60_000 }, () => {
  it("says that all is well until something is refused", async ({ expect }) => {
    const { page, complaints } = await openPage(browser, worker.url, "/rejections");
    await page.locator(".empty", { hasText: "All is well" }).waitFor();
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("groups what was refused by its reason, with bodies in which it is marked", async ({ expect }) => {
    await send(worker.url, "/track", [
      anEvent("ann", { event: "grouped", timestamp: "2026-02-30" }),
      anEvent("bob", { event: "grouped", timestamp: "2025-04-31" }),
    ]);
    await kept("grouped", 2);
    const { page, complaints } = await openPage(browser, worker.url, "/rejections");
    const reason = reasonWith(page, "impossible date");
    await reason.locator("summary").click();
    await reason.locator(".json .line.fault").nth(1).waitFor();
    expect(await reason.locator(".count").textContent()).toBe("2");
    expect(await reason.locator(".about").textContent()).toContain("grouped, by site");
    expect(await reason.locator(".spark rect").count()).toBeGreaterThanOrEqual(24);
    await page.waitForURL(/reason=/);
    expect(complaints).toEqual([]);
    await page.reload();
    await page.locator(".reason[open] .json").first().waitFor();
    await page.close();
  });

  it("replays what can be accepted now", async ({ expect }) => {
    const timestamp = new Date(Date.now() + 24 * 60 * 60 * 1000 + 6_000).toISOString();
    await send(worker.url, "/track", anEvent("carol", { event: "early", timestamp }));
    await kept("early", 1);
    const { page, complaints } = await openPage(browser, worker.url, "/rejections");
    const reason = reasonWith(page, "early");
    await reason.locator("summary").click();
    await page.waitForTimeout(6_000); // now the event is no more than a day ahead
    await reason.locator("button", { hasText: "Replay these" }).click();
    await reason.locator("[role=status]", { hasText: "1 event accepted." }).waitFor();
    await kept("early", 0);
    const timeline = await fetch(`${worker.url}/users/carol/events`, {
      headers: { Authorization: `Bearer ${READ_KEY}` },
    });
    expect(await timeline.json()).toMatchObject({ events: [{ event: "early", source: "site" }] });
    expect(complaints).toEqual([]);
    await page.close();
  });

  it("never takes what a client sent for markup, and fits a small screen", async ({ expect }) => {
    const events = HOSTILE.map((text) => anEvent(text, { event: text, context: [text], [text]: { [text]: text } }));
    await send(worker.url, "/track", events);
    await kept(HOSTILE[0]!, 1);
    const viewport = { width: 390, height: 800 };
    const { page, complaints } = await openPage(browser, worker.url, "/rejections", { viewport });
    await page.locator(".reason").first().waitFor();
    for (const summary of await page.locator(".reason summary").all()) {
      await summary.click();
      await page.locator(".reason[open] .samples").waitFor();
    }
    expect(await page.locator("img, main script, iframe").count()).toBe(0);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(390);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
