import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, it, vi } from "vitest";
import { ALARM_OVERDUE_MS, SAFETY_ALARM_MS } from "../../src/limits.ts";
import { breakD1, holdD1 } from "../d1-faults.ts";
import { newUser, rowsOf, tracked, userLog } from "../tracklog.ts";

const soon = { timeout: 5_000 };

function record(user: string, timestamp: number, properties: object = {}) {
  return userLog(user).record([tracked({ userId: user, timestamp, properties })], null);
}

function delivered(user: string) {
  return vi.waitUntil(async () => (await userLog(user).summary())!.pending === 0, soon);
}

function inStorage<T>(user: string, read: (storage: DurableObjectStorage) => T | Promise<T>): Promise<T> {
  return runInDurableObject(userLog(user), (_, { storage }) => read(storage));
}

const alarmOf = (user: string) => inStorage(user, (storage) => storage.getAlarm());

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a mark that a crash lost", () => {
  it("loses no update of an event past the one on disk", async ({ expect }) => {
    const user = newUser();
    await record(user, 1);
    await record(user, 2);
    await delivered(user); // in memory
    await abortAllDurableObjects();
    const away = breakD1();
    await record(user, 2, { n: 1 });
    await record(user, 1, { n: 2 });
    away.restore();
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ revision: 2 }, { revision: 2 }]), soon);
    await delivered(user);
    expect(await inStorage(user, ({ sql }) => sql.exec("SELECT * FROM changed").toArray())).toEqual([]);
  });

  it("loses no update that was made while the event was on its way", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("after");
    await record(user, 1);
    await d1.reached();
    await record(user, 1, { n: 1 });
    await abortAllDurableObjects();
    d1.release();
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ revision: 2 }]), soon);
  });
});

describe("a transaction that is rolled back", () => {
  it("leaves nothing of a new log, and of another only a mark to make again", async ({ expect }) => {
    const user = newUser();
    const failing = () =>
      runInDurableObject(userLog(user), async (log) => {
        // Neither can be bound: the second event fails after the first was inserted.
        const bad = { ...tracked({ userId: user, timestamp: 9 }), event: Symbol("bad") as never };
        await expect(log.record([tracked({ userId: user, timestamp: 8 }), bad], null)).rejects.toThrow();
      });
    await failing();
    expect(await userLog(user).summary()).toBeNull();
    expect(await inStorage(user, ({ kv }) => [...kv.list()])).toEqual([]);
    await record(user, 1);
    await delivered(user);
    await failing();
    await delivered(user); // at the latest with the alarm, which is set wherever the mark is ahead of the disk
    expect(await rowsOf(user)).toHaveLength(1);
    await record(user, 2);
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]), soon);
  });
});

describe("the alarm", () => {
  it.for([
    ["missing", null],
    ["overdue", -2 * ALARM_OVERDUE_MS],
    ["far off", 10 * SAFETY_ALARM_MS],
  ] as const)("that is %s is set anew by the next event", async ([, offset], { expect }) => {
    const user = newUser();
    const d1 = holdD1("before"); // so that it is the alarm that is seen
    await record(user, 1);
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      // As the object would find it: an overdue one that is set fires at once.
      const real = storage.getAlarm.bind(storage);
      const found = offset === null ? null : Date.now() + offset;
      const spy = vi.spyOn(storage, "getAlarm").mockResolvedValueOnce(found);
      await storage.setAlarm(Date.now() + 50 * SAFETY_ALARM_MS);
      await log.record([tracked({ userId: user, timestamp: 2 })], null);
      spy.mockRestore();
      expect(await real()).toBeLessThanOrEqual(Date.now() + SAFETY_ALARM_MS);
    });
    d1.release();
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), soon);
  });

  it("is set for an event that comes while one runs, also when the run then ends well", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("before");
    await record(user, 1);
    const run = runDurableObjectAlarm(userLog(user));
    await d1.reached();
    await record(user, 2);
    expect(await alarmOf(user)).not.toBeNull();
    d1.release();
    await run;
    await abortAllDurableObjects(); // no soon-run is left
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), soon);
  });

  it("alone delivers, after any number of failures that an eviction interrupted", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, 1);
    for (let i = 0; i < 4; i++) {
      await runDurableObjectAlarm(userLog(user));
      await evictDurableObject(userLog(user));
    }
    expect(await inStorage(user, ({ kv }) => kv.get<number>("ship_failures"))).toBeGreaterThanOrEqual(4);
    d1.restore();
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toHaveLength(1);
    expect(await inStorage(user, ({ kv }) => kv.get("ship_failures"))).toBeUndefined();
    await record(user, 2); // soon again, and not by the back-off
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), { timeout: 1_500 });
  });
});

describe("suppression", () => {
  it("set and lifted with a flush in flight, or an erasure, takes nothing from D1's way", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("before");
    await record(user, 1);
    await d1.reached();
    await userLog(user).setSuppressed(true);
    await userLog(user).erase();
    await userLog(user).setSuppressed(false);
    await record(user, 2);
    d1.release();
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1, timestamp: 2 }]), soon);
    await delivered(user);
  });
});
