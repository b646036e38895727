import { afterAll, beforeAll, describe, it } from "vitest";
import { arrived, names, rowsOf } from "./arrived.ts";
import { aVisitor, connect, type Setting, startSetting, stored, told, track } from "./browser.ts";
import { CHROMIUM } from "../chromium.ts";

describe.skipIf(!CHROMIUM)("consent", () => {
  let setting: Setting;
  beforeAll(async () => {
    setting = await startSetting();
  });
  afterAll(() => setting.close());

  it("that is not decided keeps events in memory: nothing is stored, and nothing sent", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { consent: "queue", anonymousId: true });
    await track(page, userId, 20);
    expect(await page.evaluate(() => window.client.flush())).toBe(false);
    await page.evaluate(() => dispatchEvent(new Event("pagehide")));
    expect(await stored(page)).toEqual([]);
    expect(setting.server.requests).toEqual([]);

    await page.evaluate(() => window.client.consent("send"));
    expect((await stored(page)).length).toBeGreaterThanOrEqual(20);
    expect(await arrived(setting.worker, userId, 20)).toEqual(names(20));
    await close();
  });

  it("that is withdrawn drops waiting and new events, counts both, and leaves nothing behind", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { anonymousId: true });
    await track(page, userId, 10);
    expect(await stored(page)).toHaveLength(11); // and the anonymous id
    await page.evaluate(() => window.client.consent("drop"));
    await track(page, userId, 10, "more");
    expect(await stored(page)).toEqual([]);
    const { drops } = await told(page);
    expect(drops.map(([event]) => event)).toEqual([...names(10), ...names(10, "more")]);
    expect(new Set(drops.map(([, reason]) => reason))).toEqual(new Set(["consent"]));
    await page.close();
    expect(setting.server.requests).toEqual([]);
    await close();
  });

  it("is missing if the browser sends Global Privacy Control, unless the page has asked for it", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    await context.addInitScript(() => Object.defineProperty(navigator, "globalPrivacyControl", { value: true }));
    const page = await connect(setting, context);
    await track(page, userId, 1);
    expect((await told(page)).drops).toEqual([["e0", "consent"]]);
    const asked = await connect(setting, context, { consent: "send" });
    await track(asked, userId, 2);
    expect(await arrived(setting.worker, userId, 2)).toEqual(names(2));
    await close();
  });
});

describe.skipIf(!CHROMIUM)("an anonymous id", () => {
  let setting: Setting;
  beforeAll(async () => {
    setting = await startSetting();
  });
  afterAll(() => setting.close());

  it("is kept from page to page without a cookie, and goes along with a known user", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { anonymousId: true });
    await page.evaluate(() => window.client.track("before"));
    await page.close();
    const next = await connect(setting, context, { anonymousId: true });
    await next.evaluate((user) => {
      window.client.track("still");
      window.client.identify(user, { plan: "pro" });
      window.client.page("Home");
      window.client.reset();
      window.client.track("after");
    }, userId);
    expect(await next.evaluate(() => window.client.flush())).toBe(true);

    const rows = await rowsOf(setting.worker, userId, 2);
    expect(rows.map(({ event, properties }) => [event, JSON.parse(properties)])).toEqual([
      ["identify", { plan: "pro" }],
      ["page", expect.objectContaining({ name: "Home", title: "A page", path: "/", url: `${setting.site.url}/` })],
    ]);
    const { anonymousId } = JSON.parse(rows[0]!.context) as { anonymousId: string };
    expect(await arrived(setting.worker, anonymousId, 2)).toEqual(["before", "still"]);
    expect(await next.evaluate(() => document.cookie)).toBe("");
    expect(await context.cookies()).toEqual([]);
    await close();
  });

  it("is not made unless it is asked for", async ({ expect }) => {
    const { context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { flushAfterMs: 1 });
    await page.evaluate(() => window.client.track("nobody's"));
    await page.waitForFunction(() => window.told.rejects.length > 0);
    expect((await told(page)).rejects).toMatchObject([[{ event: "nobody's" }, [{ pointer: "/user_id" }]]]);
    expect(await stored(page)).toEqual([]);
    await close();
  });
});
