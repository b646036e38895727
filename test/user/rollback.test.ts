import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, it, vi } from "vitest";
import { holdD1 } from "../d1-faults.ts";
import { delivered, events, inStorage, newUser, record, rowsOf, stateOf, tracked, userLog } from "../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A request whose second event SQL cannot store, after the first one was inserted. */
function failing(user: string) {
  return runInDurableObject(userLog(user), async (log) => {
    const bad = { ...tracked({ userId: user, timestamp: 9 }), event: Symbol("bad") as never };
    await log.record([tracked({ userId: user, timestamp: 8 }), bad], null).then(
      () => {
        throw new Error("It was recorded");
      },
      () => {},
    );
  });
}

describe("a transaction that is rolled back", () => {
  it("leaves nothing of a new log, neither on disk nor in memory", async ({ expect }) => {
    const user = newUser();
    await failing(user);
    expect(await userLog(user).summary()).toBeNull();
    expect(await inStorage(user, ({ kv }) => [...kv.list()])).toEqual([]);
    expect(await record(user, ...events(1))).toMatchObject([{ status: "created", seq: 1 }]);
    await delivered(user);
    expect(await rowsOf(user)).toHaveLength(1);
  });

  it("leaves an existing log as it is on disk, including the events that D1 lacks", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("before");
    await record(user, ...events(2));
    await d1.reached();
    const before = await stateOf(user);
    await failing(user);
    expect(await stateOf(user)).toEqual(before);
    d1.release();
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    expect(await record(user, ...events(1, 3))).toMatchObject([{ status: "created", seq: 3 }]);
    await delivered(user);
    expect(await rowsOf(user)).toHaveLength(3);
  });

  it("takes no tokens of the user's rate", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    const before = (await stateOf(user))!.bucket;
    vi.useFakeTimers({ toFake: ["Date"], now: before.at });
    try {
      for (let i = 0; i < 600; i++) await failing(user); // these are more than the bucket holds
      await record(user, ...events(1, 2));
    } finally {
      vi.useRealTimers();
    }
    expect((await stateOf(user))!.bucket).toEqual({ tokens: before.tokens - 1, at: before.at });
  });
});

describe("suppression", () => {
  it("set and lifted during a delivery or an erasure, does not disturb it", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("before");
    await record(user, ...events(1));
    await d1.reached();
    await userLog(user).setSuppressed(true);
    await userLog(user).erase();
    await userLog(user).setSuppressed(false);
    await record(user, ...events(1, 2));
    d1.release();
    await delivered(user);
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1, timestamp: 1_700_000_000_002 }]), {
      timeout: 5_000,
    });
  });
});
