import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { WRITER_CALL_TIMEOUT_MS } from "../../src/limits.ts";
import { breakD1, holdD1, interceptInsertions } from "../d1-faults.ts";
import {
  alarmOf,
  anEvent,
  delivered,
  events,
  newUser,
  pendingOf,
  record,
  rowsOf,
  timelineOf,
  track,
  userLog,
} from "../tracklog.ts";

env.RATE_LIMIT_BURST_EVENTS = "100000";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("G1: while D1 is away", () => {
  it("events are still accepted, read and updated", async ({ expect }) => {
    const user = newUser();
    const event = anEvent({ user_id: user });
    breakD1();
    expect((await track(event)).body).toMatchObject({ success: true, status: "created" });
    expect((await track(event)).body).toMatchObject({ status: "duplicate" });
    expect((await track({ ...event, properties: { a: 1 } })).body).toMatchObject({ status: "updated" });
    expect(await timelineOf(user)).toMatchObject([{ seq: 1, revision: 2 }]);
  });

  it("for more than six alarms, nothing is lost and everything arrives without a new event", async ({ expect }) => {
    const user = newUser();
    const log = userLog(user);
    const d1 = breakD1();
    await record(user, ...events(3));
    for (let alarm = 1; alarm <= 10; alarm++) {
      expect(await runDurableObjectAlarm(log)).toBe(true); // the previous alarm has set this one
      expect(d1.tries()).toBeGreaterThanOrEqual(alarm);
    }
    await record(user, ...events(1, 1, { properties: { a: 1 } }));
    await runDurableObjectAlarm(log);
    d1.restore();
    expect(await rowsOf(user)).toEqual([]);

    expect(await runDurableObjectAlarm(log)).toBe(true); // as the platform does within five minutes
    expect(await rowsOf(user)).toMatchObject([{ seq: 1, revision: 2 }, { seq: 2 }, { seq: 3 }]);
    expect(await alarmOf(user)).toBeNull(); // and no alarm is left
  });

  it("for a short time, everything arrives by itself", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(3));
    await vi.waitUntil(() => d1.tries() > 0, { timeout: 5_000 });
    d1.restore();
    await delivered(user); // the real alarm does it
    expect(await rowsOf(user)).toHaveLength(3);
  });

  it("during several statements, only the rest is sent again", async ({ expect }) => {
    const user = newUser();
    vi.spyOn(console, "error").mockImplementation(() => {});
    let statements = 0;
    const sent: number[] = [];
    interceptInsertions(async (run, parameter) => {
      // Users of other tests may share a statement.
      const own = (JSON.parse(parameter) as unknown[][]).filter(([id]) => id === user).length;
      if (own > 0 && ++statements === 2) throw new Error("D1_ERROR: D1 went away");
      if (own > 0) sent.push(own);
      return run();
    });
    await record(user, ...events(2_400));
    await vi.waitUntil(() => statements === 2, { timeout: 5_000 });
    expect(sent).toEqual([1_000]);
    await delivered(user, 15_000);
    expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual(
      Array.from({ length: 2_400 }, (_, i) => i + 1),
    );
    expect(sent.reduce((sum, count) => sum + count, 0)).toBe(2_400);
  });
});

describe("a writer that never answers", () => {
  it("does not stop a user's delivery for ever", async ({ expect }) => {
    const user = newUser();
    const lost = { insert: () => new Promise(() => {}), erase: () => new Promise(() => {}) };
    const writer = vi.spyOn(env.D1_WRITER, "getByName").mockReturnValue(lost as never);
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    await record(user, ...events(1));
    await runInDurableObject(userLog(user), async () => {
      for (let calls = 0; writer.mock.calls.length === calls;) await scheduler.wait(1); // until it was called
      await vi.advanceTimersByTimeAsync(WRITER_CALL_TIMEOUT_MS);
    });
    vi.useRealTimers();
    await vi.waitUntil(() => log.mock.calls.length > 0, { timeout: 5_000 });
    expect(log.mock.calls[0]![0]).toContain("The writer did not answer");
    writer.mockRestore();
    await delivered(user); // the alarm of the back-off does it
    expect(await rowsOf(user)).toHaveLength(1);
  });
});

describe("between commit and delivery", () => {
  it("an eviction loses nothing", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await evictDurableObject(userLog(user));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), { timeout: 5_000 });
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it("a crash loses neither events nor the alarm that delivers them", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("before");
    await track(anEvent({ user_id: user }));
    await d1.reached();
    await abortAllDurableObjects();
    d1.release();
    expect(await runDurableObjectAlarm(userLog(user))).toBe(true);
    expect(await rowsOf(user)).toHaveLength(1);
    expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "duplicate", seq: 1 });
  });

  it.for(["before", "after"] as const)(
    "a crash %s D1 has the rows still writes each row and its line in the feed once",
    async (moment, { expect }) => {
      const user = newUser();
      const d1 = holdD1(moment);
      await record(user, ...events(3));
      await d1.reached();
      expect(await rowsOf(user)).toHaveLength(moment === "after" ? 3 : 0);
      await abortAllDurableObjects();
      d1.release();
      await record(user, ...events(1, 1, { properties: { a: 1 } })); // this needs a new stub, because the old one is broken
      await delivered(user);
      const rows = await rowsOf(user);
      expect(rows).toMatchObject([{ seq: 1, revision: 2 }, {}, {}]);
      expect(await pendingOf(user)).toBe(0);
      const told = await env.DB.prepare(
        `SELECT key.value ->> 2 AS seq, key.value ->> 3 AS revision
         FROM feed, json_each(feed.keys) AS key WHERE key.value ->> 1 = ? ORDER BY seq, revision`,
      )
        .bind(rows[0]!["generation"])
        .raw();
      const first = moment === "after" ? [[1, 1]] : [];
      expect(told).toEqual([...first, [1, 2], [2, 1], [3, 1]]);
    },
  );
});
