import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, it } from "vitest";
import { arrived, names } from "./arrived.ts";
import { aVisitor, connect, type Setting, startSetting, stored, track } from "./browser.ts";
import { CHROMIUM } from "../chromium.ts";

describe.skipIf(!CHROMIUM)("two tabs", () => {
  let setting: Setting;
  beforeAll(async () => {
    setting = await startSetting();
  });
  afterAll(() => setting.close());

  /** The ids of all events that were sent, each as often as it was. */
  const sentIds = () => setting.server.requests.flatMap(({ ids }) => ids);

  it("send what both have only once", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const [a, b] = [await connect(setting, context), await connect(setting, context)];
    await countRemovals(a);
    await track(a, userId, 50, "a");
    await b.waitForFunction(() => Object.keys(localStorage).length === 50);
    expect(await b.evaluate(() => window.client.flush())).toBe(true);
    await hasHeard(a, 50);
    expect(await a.evaluate(() => window.client.flush())).toBe(true);
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50, "a"));
    expect(sentIds()).toHaveLength(50);
    await close();
  });

  it("lose nothing and double nothing when both send at once, through failures", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    let seen = 0;
    setting.server.control.fate = () => {
      seen++;
      if (seen % 3 === 1) return { status: 503 };
      return seen % 3 === 2 ? "lose the answer" : "forward";
    };
    const tabs = [await connect(setting, context), await connect(setting, context)];
    await Promise.all(tabs.map((tab, i) => track(tab, userId, 200, `tab-${i}-`)));
    expect(await arrived(setting.worker, userId, 400)).toEqual(
      [...names(200, "tab-0-"), ...names(200, "tab-1-")].sort(),
    );
    await tabs[0]!.waitForFunction(() => Object.keys(localStorage).length === 0);
    await close();
  });

  it("do not wait for each other for ever: one takes over what the other left when it was killed", async ({
    expect,
  }) => {
    const { userId, context, close } = await aVisitor(setting);
    await context.clock.install();
    const [a, b] = [await connect(setting, context), await connect(setting, context)];
    let isFirst = true;
    setting.server.control.fate = () => {
      const fate = isFirst ? "hang" : "forward";
      isFirst = false;
      return fate;
    };
    await track(a, userId, 50);
    const flushing = a.evaluate(() => window.client.flush()).catch(() => {}); // its page dies
    await b.waitForFunction(() => Object.keys(localStorage).length === 50);
    while (setting.server.requests.length === 0)
      await b.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve)));
    const crashed = a.waitForEvent("crash");
    (await context.newCDPSession(a)).send("Page.crash").catch(() => {}); // it has no answer
    await crashed;
    await flushing;
    await a.close(); // or the clock would be set in it, too
    expect(await stored(b)).toHaveLength(50);

    await b.clock.fastForward(31_000); // b has nothing of its own to send
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50));
    await close();
  });
});

/** Waits until a tab knows the results for the events that it did not send itself. */
function hasHeard(page: Page, count: number) {
  return page.waitForFunction((n) => window.removals === n, count);
}

async function countRemovals(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.removals = 0;
    addEventListener("storage", ({ newValue }) => {
      if (newValue === null) window.removals++;
    });
  });
}
