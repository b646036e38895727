import { afterAll, beforeAll, describe, it } from "vitest";
import { arrived, names, rowsOf } from "./arrived.ts";
import { aVisitor, connect, type Setting, startSetting, stored, told, track } from "./browser.ts";
import { CHROMIUM } from "../chromium.ts";
import type { Fate } from "./unreliable-server.ts";

describe.skipIf(!CHROMIUM)("a page", () => {
  let setting: Setting;
  beforeAll(async () => {
    setting = await startSetting();
  });
  afterAll(() => setting.close());

  /** What becomes of the first requests; those after them are forwarded. */
  function fates(...first: Fate[]) {
    setting.server.control.fate = () => first.shift() ?? "forward";
  }

  it("keeps its events while it is offline, and sends them when it comes back", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { flushAfterMs: 1 });
    await context.setOffline(true);
    await track(page, userId, 50);
    await page.waitForFunction(() => window.told.failures.length > 0);
    expect(await stored(page)).toHaveLength(50);
    await context.setOffline(false);
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50));
    expect(await told(page)).toMatchObject({ drops: [], rejects: [] });
    await close();
  });

  it("sends again what was stored, when the answer was lost, and doubles nothing", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    fates("lose the answer", "lose the answer");
    const page = await connect(setting, context, { flushAfterMs: 1 });
    await track(page, userId, 50);
    await page.waitForFunction(() => Object.keys(localStorage).length === 0);
    expect(setting.server.requests.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50));
    await close();
  });

  it.for([503, 429])("waits for as long as a %i asks for", async (status, { expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    fates({ status, headers: { "Retry-After": "2" } });
    const page = await connect(setting, context, { flushAfterMs: 1 });
    await track(page, userId, 50);
    await page.waitForFunction(() => window.told.failures.length > 0);
    // Neither of them is a reason to ask again before.
    await page.evaluate(() => dispatchEvent(new Event("online")));
    const flushed = page.evaluate(() => window.client.flush());
    expect(setting.server.requests).toHaveLength(1);
    expect(await flushed).toBe(true);
    const { failures } = await told(page);
    expect(failures).toEqual([{ status, retryInMs: expect.any(Number) as number }]);
    expect(failures[0]!.retryInMs).toBeGreaterThanOrEqual(2_000);
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50));
    await close();
  });

  it("passes a user's rate, is told so by the Worker itself, and loses nothing", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context);
    await track(page, userId, 1_300); // at once, 1,000 are allowed
    await page.waitForFunction(() => Object.keys(localStorage).length === 0);
    expect(setting.server.requests.map(({ status }) => status)).toContain(429);
    expect(await arrived(setting.worker, userId, 1_300)).toEqual(names(1_300));
    await close();
  });

  it("sends its events if storage is full", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { flushAfterMs: 1 });
    await page.evaluate(() => {
      for (let size = 2 ** 22; size >= 1; size /= 2)
        try {
          for (let i = 0; ; i++) localStorage.setItem(`filler-${size}-${i}`, "x".repeat(size));
        } catch {
          // Smaller ones may still fit.
        }
    });
    await track(page, userId, 50);
    expect(await stored(page)).toEqual([]);
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50));
    expect(await told(page)).toMatchObject({ drops: [] });
    await close();
  });

  it("sends its events if storage is forbidden, through a failure as well", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    fates({ status: 503 }, "lose the answer");
    const page = await connect(setting, context, { flushAfterMs: 1 }, "/sandboxed");
    await track(page, userId, 50);
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50));
    await close();
  });

  it.for(["it", "another tab"])("sends what waits in memory, if %s clears the storage", async (who, { expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { flushAfterMs: 3_600_000 });
    const other = await context.newPage();
    await other.goto(setting.site.url);
    await page.evaluate(() => addEventListener("storage", ({ key }) => key === null && (window.removals = 1)));
    await track(page, userId, 50);
    await (who === "it" ? page : other).evaluate(() => localStorage.clear());
    if (who !== "it") await page.waitForFunction(() => window.removals === 1);
    expect(await page.evaluate(() => window.client.flush())).toBe(true);
    expect(await arrived(setting.worker, userId, 50)).toEqual(names(50));
    await close();
  });

  it("keeps the times of the calls, even if the clock is changed", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    fates({ status: 503 });
    const page = await connect(setting, context, { flushAfterMs: 1 });
    const times = [
      "2026-03-01T12:00:00.000Z",
      "2026-03-01T09:00:00.000Z",
      "2026-03-01T09:00:00.000Z",
      "2026-06-01T00:00:00.000Z",
    ];
    for (const [index, time] of times.entries()) {
      await page.clock.setFixedTime(time);
      await page.evaluate(([user, i]) => window.client.track("tick", { i }, { userId: user }), [
        userId,
        index,
      ] as const);
    }
    const rows = await rowsOf(setting.worker, userId, 4);
    const seen = rows.map(({ timestamp, properties }) => [
      (JSON.parse(properties) as { i: number }).i,
      new Date(timestamp).toISOString(),
    ]);
    expect(seen.sort(([a], [b]) => Number(a) - Number(b))).toEqual([...times.entries()].map(([i, time]) => [i, time]));
    await close();
  });

  it("drops events beyond its limit, and counts them", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { maxQueueEvents: 30 });
    await context.setOffline(true);
    await track(page, userId, 50);
    expect((await told(page)).drops).toEqual(Array.from({ length: 20 }, (_, i) => [`e${30 + i}`, "full"]));
    expect(await page.evaluate(() => window.client.dropped)).toBe(20);
    await context.setOffline(false);
    expect(await arrived(setting.worker, userId, 30)).toEqual(names(30));
    await close();
  });

  it("hears of an event that the server refuses, and loses no other", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    const page = await connect(setting, context, { flushAfterMs: 1 });
    await page.evaluate((user) => {
      const { track: send } = window.client;
      send("good", {}, { userId: user });
      send("bad", { email: 1 }, { userId: user });
      send("late", {}, { userId: user, timestamp: new Date("2100-01-01") });
      send("nobody's");
    }, userId);
    await page.waitForFunction(() => Object.keys(localStorage).length === 0);
    expect((await told(page)).rejects.map(([{ event }, [fault]]) => [event, fault!.pointer])).toEqual([
      ["bad", "/properties/email"],
      ["late", "/timestamp"],
      ["nobody's", "/user_id"],
    ]);
    expect(await arrived(setting.worker, userId, 1)).toEqual(["good"]);
    expect(setting.server.requests).toHaveLength(1);
    await close();
  });

  it("finds the one event that a firewall does not let pass", async ({ expect }) => {
    const { userId, context, close } = await aVisitor(setting);
    setting.server.control.fate = (_, body) =>
      body.includes("DROP TABLE") ? { status: 403, body: "<h1>Blocked</h1>" } : "forward";
    const page = await connect(setting, context, { flushAfterMs: 100 });
    await track(page, userId, 30, "a");
    await page.evaluate((user) => window.client.track("poison", { text: "DROP TABLE" }, { userId: user }), userId);
    await track(page, userId, 30, "b");
    expect(await arrived(setting.worker, userId, 60)).toEqual([...names(30, "a"), ...names(30, "b")]);
    expect((await told(page)).rejects).toMatchObject([[{ event: "poison" }, [{ detail: "HTTP 403" }]]]);
    await close();
  });

  it.for([
    { what: "a wrong key", key: "wrong", status: 401 },
    { what: "a wrong address", key: "at another server", status: 404 },
  ])(
    "stops at $what, reports it, and leaves its events to a page that has the right one",
    async ({ key, status }, { expect }) => {
      const { userId, context, close } = await aVisitor(setting);
      if (status === 404) fates({ status, body: "Not here" });
      const page = await connect(setting, context, { flushAfterMs: 1, key });
      await track(page, userId, 20);
      await page.waitForFunction(() => window.told.failures.length > 0);
      await track(page, userId, 20, "later");
      expect(await told(page)).toMatchObject({ drops: [], rejects: [], failures: [{ status, retryInMs: null }] });
      await page.close();
      expect(setting.server.requests).toHaveLength(1);

      const next = await connect(setting, context, { flushAfterMs: 1 });
      expect(await arrived(setting.worker, userId, 40)).toEqual([...names(20), ...names(20, "later")]);
      await next.waitForFunction(() => Object.keys(localStorage).length === 0);
      await close();
    },
  );
});
