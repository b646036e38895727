import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, it, vi } from "vitest";
import { ALARM_OVERDUE_MS, SAFEGUARD_DELAY_MS } from "../../src/limits.ts";
import type { Failures } from "../../src/user/stored-values.ts";
import { breakD1, holdD1 } from "../d1-faults.ts";
import {
  alarmOf,
  delivered,
  events,
  inStorage,
  letReceiptsExpire,
  newUser,
  record,
  rowsOf,
  tracked,
  userLog,
} from "../tracklog.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("the alarm", () => {
  it("is set by an event, for less than a minute ahead, and serves those that follow", async ({ expect }) => {
    const user = newUser();
    const before = Date.now();
    await record(user, ...events(1));
    const alarm = await alarmOf(user);
    expect(alarm).toBeGreaterThanOrEqual(before + SAFEGUARD_DELAY_MS);
    expect(alarm).toBeLessThanOrEqual(Date.now() + SAFEGUARD_DELAY_MS);
    await delivered(user);
    expect(await alarmOf(user)).toBe(alarm); // delivery came before it
    await record(user, ...events(1, 2));
    expect(await alarmOf(user)).toBe(alarm);
  });

  it.for([
    ["missing", null],
    ["overdue", -2 * ALARM_OVERDUE_MS],
    ["far off", 10 * SAFEGUARD_DELAY_MS],
  ] as const)("that is %s is set anew by the next event", async ([, offset], { expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await delivered(user);
    await abortAllDurableObjects(); // so that storage is asked
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      // As the object would find it: an overdue one that is set fires at once.
      const found = offset === null ? null : Date.now() + offset;
      vi.spyOn(storage, "getAlarm").mockResolvedValueOnce(found);
      await storage.setAlarm(Date.now() + 50 * SAFEGUARD_DELAY_MS);
      await log.record([tracked({ userId: user, timestamp: 2 })], null);
      vi.restoreAllMocks();
      expect(await storage.getAlarm()).toBeLessThanOrEqual(Date.now() + SAFEGUARD_DELAY_MS);
    });
    await delivered(user);
    expect(await rowsOf(user)).toHaveLength(2);
  });

  it("is not set where D1 has everything", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await delivered(user);
    expect(await runDurableObjectAlarm(userLog(user))).toBe(true); // set as a safeguard, it finds nothing to do
    expect(await alarmOf(user)).toBeNull();
    await record(user, ...events(1)); // a duplicate
    expect(await alarmOf(user)).toBeNull();
  });

  it("is set by a retry whose first try lost its alarm in a crash", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(1));
    await inStorage(user, (storage) => storage.deleteAlarm());
    await abortAllDurableObjects();
    d1.restore();
    expect(await record(user, ...events(1))).toMatchObject([{ status: "duplicate" }]);
    expect(await alarmOf(user)).not.toBeNull();
    await delivered(user);
    expect(await rowsOf(user)).toHaveLength(1);
  });

  it("is set for an event that comes while one runs, also when the run then ends well", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("before");
    await record(user, ...events(1));
    const run = runDurableObjectAlarm(userLog(user));
    await d1.reached();
    await record(user, ...events(1, 2));
    expect(await alarmOf(user)).not.toBeNull();
    d1.release();
    await run;
    expect(await alarmOf(user)).not.toBeNull();
    await abortAllDurableObjects(); // nothing in memory is left
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toHaveLength(2);
  });

  it("is set for an event that comes after an erasure has given the storage back", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await userLog(user).erase();
    await letReceiptsExpire(user);
    expect(await alarmOf(user)).toBeNull();
    await record(user, ...events(1));
    expect(await alarmOf(user)).not.toBeNull();
  });

  it("alone delivers, after any number of failures that an eviction interrupted", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(1));
    for (let i = 0; i < 4; i++) {
      await runDurableObjectAlarm(userLog(user));
      await evictDurableObject(userLog(user));
    }
    expect(await failuresOf(user)).toBeGreaterThanOrEqual(4);
    d1.restore();
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toHaveLength(1);
    expect(await inStorage(user, ({ kv }) => kv.get("failures"))).toBeUndefined();
    await record(user, ...events(1, 2)); // soon again, and not by the back-off
    await delivered(user);
  });
});

/** How often in a row D1 has failed, as the user's object has it on disk. */
function failuresOf(user: string): Promise<number | undefined> {
  return inStorage(user, ({ kv }) => kv.get<Record<string, Failures>>("failures")?.["DB"]?.count);
}

describe("while D1 fails", () => {
  it("a new event neither brings the next try forward nor tries by itself", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(1));
    for (let alarm = 1; alarm <= 8; alarm++) await runDurableObjectAlarm(userLog(user));
    const [alarm, before] = [await alarmOf(user), await failuresOf(user)];
    expect(alarm! - Date.now()).toBeGreaterThan(SAFEGUARD_DELAY_MS); // eight failures: 64 to 128 s
    await record(user, ...events(1, 2));
    await scheduler.wait(100); // for a try that should not come
    expect(await alarmOf(user)).toBe(alarm);
    expect(await failuresOf(user)).toBe(before);
    d1.restore();
  });
});

describe("alarm()", () => {
  it("sets the next alarm before anything else when the platform repeats it", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("before");
    await record(user, ...events(1));
    await d1.reached();
    await inStorage(user, (storage) => storage.deleteAlarm());
    const info: AlarmInvocationInfo = { isRetry: true, retryCount: 5, scheduledTime: Date.now() };
    const run = runInDurableObject(userLog(user), (log) => log.alarm(info)); // it could be the last time
    await vi.waitUntil(async () => (await alarmOf(user)) !== null, { timeout: 5_000 });
    expect(await rowsOf(user)).toEqual([]);
    d1.release();
    await run;
  });

  it("does not throw when D1 fails, nor when storage fails at anything but the alarm itself", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(1));
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      await log.alarm();
      const [put, remove] = [vi.spyOn(storage.kv, "put"), vi.spyOn(storage.kv, "delete")];
      for (const spy of [put, remove])
        spy.mockImplementation(() => {
          throw new Error("the free plan's rows are used up");
        });
      await storage.deleteAlarm();
      await log.alarm(); // D1 fails, and the count of failures cannot be stored
      expect(await storage.getAlarm()).not.toBeNull();
      d1.restore();
      vi.spyOn(console, "error").mockImplementation(() => {});
      await storage.deleteAlarm();
      await log.alarm(); // D1 takes the row, and the count of failures cannot be deleted
      expect(await storage.getAlarm()).not.toBeNull();
      for (const spy of [put, remove]) spy.mockRestore();
      await log.alarm();
      expect(storage.kv.get("failures")).toBeUndefined();
    });
    expect(await rowsOf(user)).toHaveLength(1);
  });

  it("throws only where no alarm can be set, and the next run is not spoilt", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(1));
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      const setAlarm = vi.spyOn(storage, "setAlarm").mockRejectedValue(new Error("storage failed"));
      await expect(log.alarm()).rejects.toThrow("storage failed"); // the platform runs it again
      setAlarm.mockRestore();
      d1.restore();
      await log.alarm();
    });
    expect(await rowsOf(user)).toHaveLength(1);
  });
});
