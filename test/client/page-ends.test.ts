import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { arrived, names } from "./arrived.ts";
import { aVisitor, connect, type Setting, startSetting, stored, track } from "./browser.ts";
import { CHROMIUM } from "../chromium.ts";

/** So long that a page's end comes first. */
const NEVER_BY_ITSELF = { flushAfterMs: 3_600_000 };

describe.skipIf(!CHROMIUM)("a page that ends", () => {
  let setting: Setting;
  beforeAll(async () => {
    setting = await startSetting();
  });
  afterAll(() => setting.close());

  it("has its events sent by the next page, if its tab was killed", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, NEVER_BY_ITSELF);
    await track(page, userId, 50);
    const devTools = await context.newCDPSession(page);
    const crashed = page.waitForEvent("crash");
    devTools.send("Page.crash").catch(() => {}); // it has no answer
    await crashed;
    expect(setting.server.requests).toEqual([]);

    const next = await connect(setting, context, { flushAfterMs: 1 });
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50));
    await next.waitForFunction(() => Object.keys(localStorage).length === 0);
    await close();
  });

  it("sends its events as it is closed, without a preflight and without a cookie", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    await context.addCookies([{ name: "session", value: "1", url: setting.server.url }]);
    const page = await connect(setting, context, NEVER_BY_ITSELF);
    await track(page, userId, 20);
    await page.close();
    expect(await arrived(setting.worker, userId, 20)).toEqual(names(20));
    expect(
      setting.server.requests.map(({ method, headers }) => [method, headers["content-type"], headers.cookie]),
    ).toEqual([["POST", "text/plain;charset=UTF-8", undefined]]);
    await close();
  });

  it("sends its events as it is left, and the next page's repeat is a duplicate", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, NEVER_BY_ITSELF);
    await track(page, userId, 20);
    await page.goto("about:blank");
    expect(await arrived(setting.worker, userId, 20)).toEqual(names(20));

    const next = await connect(setting, context, NEVER_BY_ITSELF);
    expect(await next.evaluate(() => window.client.flush())).toBe(true);
    expect(setting.server.requests).toHaveLength(2);
    expect(await arrived(setting.worker, userId, 20)).toEqual(names(20));
    expect(await stored(next)).toEqual([]);
    await close();
  });

  it("leaves to the next page what is too much for a page that ends", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, NEVER_BY_ITSELF);
    await page.evaluate((user) => {
      const filler = "x".repeat(20_000);
      for (let i = 0; i < 10; i++) window.client.track(`e${i}`, { filler }, { userId: user });
    }, userId);
    await page.close();
    expect(await arrived(setting.worker, userId, 2)).toEqual(names(2)); // 60 KB hold two of 20 KB

    const next = await connect(setting, context, NEVER_BY_ITSELF);
    expect(await next.evaluate(() => window.client.flush())).toBe(true);
    expect(await arrived(setting.worker, userId, 10)).toEqual(names(10));
    await close();
  });

  it("sends its events if storage is forbidden, too", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, NEVER_BY_ITSELF, "/sandboxed");
    expect(await page.evaluate(() => origin)).toBe("null");
    await track(page, userId, 20);
    await page.close();
    expect(await arrived(setting.worker, userId, 20)).toEqual(names(20));
    await close();
  });

  it("sends its events by a beacon if requests cannot outlive it", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, NEVER_BY_ITSELF);
    // As in Firefox before 133.
    await page.evaluate(() => Reflect.deleteProperty(Request.prototype, "keepalive"));
    await track(page, userId, 20);
    await page.close();
    expect(await arrived(setting.worker, userId, 20)).toEqual(names(20));
    await close();
  });

  it("sends nothing twice when it is only hidden and shown again", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, NEVER_BY_ITSELF);
    const outlives = page.evaluate(
      () =>
        new Promise((resolve) => {
          const send = window.fetch;
          window.fetch = (input, init) => {
            resolve(init?.keepalive);
            return send(input, init);
          };
        }),
    );
    await track(page, userId, 20);
    await becomes(page, "hidden");
    expect(await outlives).toBe(true); // a request without it may arrive as well, or may not
    await page.waitForFunction(() => Object.keys(localStorage).length === 0);
    await becomes(page, "visible");
    expect(await page.evaluate(() => window.client.flush())).toBe(true);
    expect(await arrived(setting.worker, userId, 20)).toEqual(names(20));
    expect(setting.server.requests).toHaveLength(1);
    await close();
  });

  it("sends again what has no answer yet when it is shown again", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    setting.server.control.fate = () => (setting.server.requests.length === 1 ? "hang" : "forward");
    const page = await connect(setting, context, NEVER_BY_ITSELF);
    await track(page, userId, 20);
    await becomes(page, "hidden");
    await becomes(page, "visible");
    expect(await page.evaluate(() => window.client.flush())).toBe(true);
    expect(await arrived(setting.worker, userId, 20)).toEqual(names(20));
    await close();
  });
});

/** Playwright keeps every page visible. Where a page ends, both of these events come. */
function becomes(page: Page, state: "hidden" | "visible"): Promise<void> {
  return page.evaluate((value) => {
    Object.defineProperty(document, "visibilityState", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
    dispatchEvent(new Event(value === "hidden" ? "pagehide" : "pageshow"));
  }, state);
}
