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
  it("is set by an event for less than a minute ahead, and covers the events that follow", async ({ expect }) => {
    const user = newUser();
    const before = Date.now();
    await record(user, ...events(1));
    const alarm = await alarmOf(user);
    expect(alarm).toBeGreaterThanOrEqual(before + SAFEGUARD_DELAY_MS);
    expect(alarm).toBeLessThanOrEqual(Date.now() + SAFEGUARD_DELAY_MS);
    await delivered(user);
    expect(await alarmOf(user)).toBe(alarm); // the delivery came first
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
    await abortAllDurableObjects(); // so that the object asks storage
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      // The object is told that the alarm is overdue. If one were really set, it would go off at once.
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

  it("is not set if D1 has everything", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await delivered(user);
    expect(await runDurableObjectAlarm(userLog(user))).toBe(true); // it was set as a safeguard and finds nothing to do
    expect(await alarmOf(user)).toBeNull();
    await record(user, ...events(1)); // a duplicate
    expect(await alarmOf(user)).toBeNull();
  });

  it("is set by a retry if a crash has lost the alarm of the first attempt", async ({ expect }) => {
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

  it("is set for an event that arrives while an alarm runs, even if the run succeeds", async ({ expect }) => {
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
    await abortAllDurableObjects(); // so that memory is lost
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toHaveLength(2);
  });

  it("is set for an event that arrives after an erasure has deleted the storage", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await userLog(user).erase();
    await letReceiptsExpire(user);
    expect(await alarmOf(user)).toBeNull();
    await record(user, ...events(1));
    expect(await alarmOf(user)).not.toBeNull();
  });

  it("delivers alone after an eviction, whatever the number of failures before", async ({ expect }) => {
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
    await record(user, ...events(1, 2)); // the alarm is soon, without the back-off
    await delivered(user);
  });
});

/** How often in a row D1 has failed, according to the storage of the user's object. */
function failuresOf(user: string): Promise<number | undefined> {
  return inStorage(user, ({ kv }) => kv.get<Record<string, Failures>>("failures")?.["DB"]?.count);
}

describe("while D1 fails", () => {
  it("a new event neither makes the next attempt earlier nor makes one itself", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(1));
    for (let alarm = 1; alarm <= 8; alarm++) await runDurableObjectAlarm(userLog(user));
    const [alarm, before] = [await alarmOf(user), await failuresOf(user)];
    expect(alarm! - Date.now()).toBeGreaterThan(SAFEGUARD_DELAY_MS); // eight failures make 64 to 128 s
    await record(user, ...events(1, 2));
    await scheduler.wait(100); // in case an attempt is made
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
    const run = runInDurableObject(userLog(user), (log) => log.alarm(info)); // the platform may not repeat it again
    await vi.waitUntil(async () => (await alarmOf(user)) !== null, { timeout: 5_000 });
    expect(await rowsOf(user)).toEqual([]);
    d1.release();
    await run;
  });

  it("does not throw if D1 fails, nor if storage fails at anything except the alarm itself", async ({ expect }) => {
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
      await log.alarm(); // D1 accepts the row, and the count of failures cannot be deleted
      expect(await storage.getAlarm()).not.toBeNull();
      for (const spy of [put, remove]) spy.mockRestore();
      await log.alarm();
      expect(storage.kv.get("failures")).toBeUndefined();
    });
    expect(await rowsOf(user)).toHaveLength(1);
  });

  it("throws only if no alarm can be set, and the next run still works", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(1));
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      const setAlarm = vi.spyOn(storage, "setAlarm").mockRejectedValue(new Error("storage failed"));
      await expect(log.alarm()).rejects.toThrow("storage failed"); // the platform repeats it
      setAlarm.mockRestore();
      d1.restore();
      await log.alarm();
    });
    expect(await rowsOf(user)).toHaveLength(1);
  });
});
