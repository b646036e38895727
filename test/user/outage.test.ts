import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { MAX_RETRY_DELAY_MS, MIN_RETRY_DELAY_MS } from "../../src/limits.ts";
import { retryDelay } from "../../src/user/retry-delay.ts";
import { breakD1, holdD1 } from "../d1-faults.ts";
import { anEvent, newUser, rowsOf, timelineOf, track, tracked, userLog } from "../tracklog.ts";

/** So many different events, the first being number `from`. */
function events(count: number, from = 1) {
  return Array.from({ length: count }, (_, i) => tracked({ timestamp: 1_700_000_000_000 + from + i }));
}

const soon = { timeout: 5_000 };

afterEach(() => {
  vi.restoreAllMocks();
});

describe("while D1 is away", () => {
  it("events are taken, read and updated all the same", async ({ expect }) => {
    const user = newUser();
    const event = anEvent({ user_id: user });
    breakD1();
    expect((await track(event)).body).toMatchObject({ success: true, status: "created" });
    expect((await track(event)).body).toMatchObject({ status: "duplicate" });
    expect((await track({ ...event, properties: { a: 1 } })).body).toMatchObject({ status: "updated" });
    expect(await timelineOf(user)).toMatchObject([{ seq: 1, revision: 2 }]);
  });

  it("for more than six alarms, nothing is lost: everything arrives without a new event", async ({ expect }) => {
    const user = newUser();
    const log = userLog(user);
    const d1 = breakD1();
    await log.record(events(3), null);
    for (let alarm = 1; alarm <= 10; alarm++) {
      expect(await runDurableObjectAlarm(log)).toBe(true); // the one before has set itself again
      expect(d1.tries()).toBeGreaterThanOrEqual(alarm);
    }
    await log.record([tracked({ timestamp: 1_700_000_000_001, properties: { a: 1 } })], null);
    await runDurableObjectAlarm(log);
    d1.restore();
    expect(await rowsOf(user)).toEqual([]);

    expect(await runDurableObjectAlarm(log)).toBe(true); // as the platform does in at most five minutes
    expect(await rowsOf(user)).toMatchObject([{ seq: 1, revision: 2 }, { seq: 2 }, { seq: 3 }]);
    expect(await alarmOf(user)).toBeNull(); // and then there is peace
  });

  it("for a moment, everything arrives by itself", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await userLog(user).record(events(3), null);
    await vi.waitUntil(() => d1.tries() > 0, soon); // by the real alarm
    d1.restore();
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(3), soon);
  });

  it("a new event does not bring the next try forward", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await userLog(user).record(events(1), null);
    for (let alarm = 1; alarm <= 8; alarm++) await runDurableObjectAlarm(userLog(user));
    const alarm = await alarmOf(user);
    expect(alarm! - Date.now()).toBeGreaterThan(30_000); // eight failures: 64 to 128 s
    await userLog(user).record(events(1, 2), null);
    expect(await alarmOf(user)).toBe(alarm);
    d1.restore();
  });

  it("in the middle of several statements, only the rest is sent again", async ({ expect }) => {
    const user = newUser();
    const log = userLog(user);
    await runInDurableObject(log, async (instance) => {
      const prepare = env.DB.prepare.bind(env.DB);
      let statements = 0;
      vi.spyOn(console, "error").mockImplementation(() => {});
      vi.spyOn(env.DB, "prepare").mockImplementation((query) => {
        if (++statements === 2) throw new Error("D1_ERROR: D1 went away");
        return prepare(query);
      });
      await instance.record(events(2_500), null);
      await instance.alarm();
    });
    vi.restoreAllMocks();
    expect(await rowsOf(user)).toHaveLength(1_000);
    await runDurableObjectAlarm(log);
    const rows = await rowsOf(user);
    expect(rows.map(({ seq }) => seq as number)).toEqual(Array.from({ length: 2_500 }, (_, i) => i + 1));
  });

  it("a run of the alarm never throws, and one whose own storage failed does not spoil the next", async ({
    expect,
  }) => {
    const user = newUser();
    const log = userLog(user);
    const d1 = breakD1();
    await runInDurableObject(log, async (instance, { storage }) => {
      await instance.record(events(1), null);
      await instance.alarm(); // not thrown
      const setAlarm = vi.spyOn(storage, "setAlarm").mockRejectedValue(new Error("storage failed"));
      await expect(instance.alarm()).rejects.toThrow("storage failed"); // the platform runs it again
      setAlarm.mockRestore();
      d1.restore();
      await instance.alarm();
    });
    expect(await rowsOf(user)).toHaveLength(1);
  });
});

describe("between commit and flush", () => {
  it("an eviction loses nothing", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await evictDurableObject(userLog(user));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon); // no other call was made
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it("a crash loses nothing: neither events nor the alarm that ships them", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await abortAllDurableObjects();
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon);
    expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "duplicate", seq: 1 });
  });

  it.for(["before", "after"] as const)(
    "a crash while D1 is awaited, %s D1 has the rows, brings each row there once",
    async (moment, { expect }) => {
      const user = newUser();
      const d1 = holdD1(moment);
      await userLog(user).record(events(3), null);
      await d1.reached();
      const positions = (await rowsOf(user)).map(({ position }) => position as number);
      expect(positions).toHaveLength(moment === "after" ? 3 : 0);
      await abortAllDurableObjects();
      d1.release();

      const log = userLog(user); // a new stub, the old one is broken
      await log.record([tracked({ timestamp: 1_700_000_000_001, properties: { a: 1 } })], null);
      await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1, revision: 2 }, {}, {}]), soon);
      if (moment === "after")
        expect((await rowsOf(user)).slice(1)).toMatchObject(positions.slice(1).map((position) => ({ position }))); // untouched
    },
  );
});

describe("the back-off", () => {
  it("doubles from a second to five minutes and stays there, half of it by chance", ({ expect }) => {
    const bounds = [1, 2, 3, 9, 10, 1_000, 5_000].map((failures) => [retryDelay(failures, 0), retryDelay(failures, 1)]);
    expect(bounds[0]).toEqual([MIN_RETRY_DELAY_MS / 2, MIN_RETRY_DELAY_MS]);
    expect(bounds[1]).toEqual([MIN_RETRY_DELAY_MS, MIN_RETRY_DELAY_MS * 2]);
    expect(bounds[2]).toEqual([MIN_RETRY_DELAY_MS * 2, MIN_RETRY_DELAY_MS * 4]);
    expect(bounds[3]).toEqual([128_000, 256_000]);
    for (const bound of bounds.slice(4)) expect(bound).toEqual([MAX_RETRY_DELAY_MS / 2, MAX_RETRY_DELAY_MS]);
  });
});

function alarmOf(user: string): Promise<number | null> {
  return runInDurableObject(userLog(user), (_, { storage }) => storage.getAlarm());
}
