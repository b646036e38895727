import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { MAX_DELIVERY_RUN_MS, MAX_STRETCHES } from "../../src/limits.ts";
import {
  bindDatabases,
  forgetFull,
  found,
  holdBatch,
  numbered,
  paceBatches,
  release,
  setMode,
  settled,
  triesOf,
  unbindDatabases,
  updated,
  userInFirst,
  userOf,
  whereabouts,
} from "../several-databases.ts";
import { delivered, events, inStorage, pendingOf, record, stateOf, userLog } from "../tracklog.ts";

env.RATE_LIMIT_BURST_EVENTS = "100000";

beforeEach(() => bindDatabases("DB_1"));
afterEach(() => {
  vi.useRealTimers();
  unbindDatabases();
});

/** Records enough events for a pack, and updates them twice before the pack is loaded. */
async function notedInThreePacks(user: string): Promise<void> {
  for (let n = 0; n < 3; n++) {
    await record(user, ...events(150, 1, { event: "e".repeat(200), properties: { n } }));
    await vi.waitUntil(() => inStorage(user, ({ kv }) => kv.get("failures") !== undefined), { timeout: 5_000 });
    await evictDurableObject(userLog(user));
  }
  const packs = await inStorage(user, ({ kv }) => [...kv.list({ prefix: "backlog:" })].length);
  if (packs !== 3) throw new Error(`${packs} packs`);
}

describe("a log whose database is full", () => {
  it("moves events that could not be delivered, and all later ones", async ({ expect }) => {
    const user = await userInFirst(2);
    setMode("DB", "full");
    await record(user, ...events(3, 3));
    await settled(user);
    await record(user, ...events(1, 6));
    await delivered(user);
    expect(await found("DB", user)).toEqual(numbered(1, 2));
    expect(await found("DB_1", user)).toEqual(numbered(3, 6));
    expect(await inStorage(user, ({ kv }) => kv.get("failures"))).toBeUndefined();
  });

  it("moves its first event, for which there is no table", async ({ expect }) => {
    const user = userOf("DB");
    setMode("DB", "full");
    await record(user, ...events(1));
    await settled(user);
    expect(await found("DB", user)).toEqual([]);
    expect(await found("DB_1", user)).toEqual([[1, 1]]);
  });

  it("moves an updated event out of the full one, and leaves its neighbours there", async ({ expect }) => {
    const user = await userInFirst(3);
    setMode("DB", "full");
    await record(user, ...updated(2));
    await settled(user);
    expect(await found("DB", user)).toEqual([
      [1, 1],
      [3, 1],
    ]);
    expect(await found("DB_1", user)).toEqual([[2, 2]]);
    setMode("DB", "ok");
    await record(user, ...updated(1), ...events(1, 2, { properties: { again: 1 } }));
    await delivered(user);
    expect(await found("DB", user)).toEqual([
      [1, 2],
      [3, 1],
    ]);
    expect(await found("DB_1", user)).toEqual([[2, 3]]);
  });

  it("has at most as many stretches as fit into its state, and the rest waits", async ({ expect }) => {
    const user = await userInFirst(MAX_STRETCHES + 20);
    setMode("DB", "full");
    const everySecond = Array.from({ length: MAX_STRETCHES / 2 + 10 }, (_, i) => updated(1 + 2 * i)[0]!);
    await record(user, ...everySecond);
    await vi.waitUntil(async () => (await pendingOf(user)) === 11, { timeout: 5_000 });
    expect((await stateOf(user))!.moved!.stretches.length).toBeLessThanOrEqual(MAX_STRETCHES);
    setMode("DB", "ok");
    await settled(user);
    const { log, d1 } = await whereabouts(user);
    expect(d1).toBe(log);
  });

  it("moves a backlog of many packs after the database became full in the middle of it", async ({ expect }) => {
    const user = userOf("DB");
    setMode("DB", "away");
    for (let i = 0; i < 12; i++) await record(user, ...events(100, 1 + i * 100, { event: "e".repeat(200) }));
    setMode("DB", "ok");
    const run = runDurableObjectAlarm(userLog(user));
    await vi.waitUntil(() => triesOf("DB") >= 4);
    setMode("DB", "full");
    await run;
    await settled(user);
    const [first, second] = [await found("DB", user), await found("DB_1", user)];
    expect(first.length).toBeGreaterThan(0);
    expect([...first, ...second]).toEqual(numbered(1, 1_200));
    expect(await inStorage(user, ({ kv }) => [...kv.list({ prefix: "backlog:" })])).toEqual([]);
  });

  it.for(["ok", "full"] as const)(
    "moves an event in several packs only once, even if time is up between them and the database is %s then",
    async (mode, { expect }) => {
      const user = userOf("DB");
      setMode("DB", "away");
      await notedInThreePacks(user);
      setMode("DB", "full");
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
      let turns = 0;
      paceBatches(async () => {
        if (++turns !== 4) return; // the second batch, which asks what there is, is over
        setMode("DB", mode);
        vi.setSystemTime(Date.now() + MAX_DELIVERY_RUN_MS);
      });
      await runDurableObjectAlarm(userLog(user));
      await runDurableObjectAlarm(userLog(user));
      await delivered(user);
      expect(await found("DB", user)).toEqual([]);
      expect(await found("DB_1", user)).toEqual(numbered(1, 150, 3));
    },
  );

  it("drops an event from all packs when it has left the first", async ({ expect }) => {
    const user = userOf("DB");
    setMode("DB", "away");
    await notedInThreePacks(user);
    setMode("DB", "full");
    await runDurableObjectAlarm(userLog(user));
    await delivered(user);
    expect(await inStorage(user, ({ kv }) => kv.get("failures"))).toBeUndefined();
  });

  it("waits if no other database is open, and moves when one is", async ({ expect }) => {
    const user = userOf("DB");
    env.CLOSED_DATABASES = "DB_1";
    setMode("DB", "full");
    await record(user, ...events(2));
    await runDurableObjectAlarm(userLog(user));
    expect(await pendingOf(user)).toBe(2);
    env.CLOSED_DATABASES = "";
    await evictDurableObject(userLog(user));
    forgetFull("DB"); // as after a deployment
    await record(user, ...events(1, 3)); // it moves at once, because the log remembers
    await vi.waitFor(async () => expect(await found("DB_1", user)).toEqual([[3, 1]]), 5_000);
    await settled(user);
    expect(await found("DB_1", user)).toEqual(numbered(1, 3));
    expect(await found("DB", user)).toEqual([]);
  });

  it("learns that its database is full in an isolate that does not know", async ({ expect }) => {
    const user = await userInFirst(1);
    setMode("DB", "full");
    for (let i = 2; i <= 4; i++) {
      await evictDurableObject(userLog(user));
      forgetFull("DB");
      await record(user, ...events(1, i));
      await settled(user);
    }
    expect(await found("DB", user)).toEqual([[1, 1]]);
    expect(await found("DB_1", user)).toEqual(numbered(2, 4));
    expect(triesOf("DB")).toBe(1 + 1); // the first event, and one attempt before the log moved
  });
});

describe("an insertion that the full database did not answer", () => {
  it("moves none of the events that it has written", async ({ expect }) => {
    const user = await userInFirst(1);
    setMode("DB", "lost");
    await record(user, ...events(2, 2));
    await vi.waitUntil(() => triesOf("DB") === 2);
    setMode("DB", "full");
    await record(user, ...events(1, 4));
    await settled(user);
    expect(await found("DB", user)).toEqual(numbered(1, 3));
    expect(await found("DB_1", user)).toEqual([[4, 1]]);
  });

  it("writes nothing after the log has moved, however late it is", async ({ expect }) => {
    const user = await userInFirst(1);
    setMode("DB", "late");
    await record(user, ...events(2, 2));
    await vi.waitUntil(() => triesOf("DB") === 2);
    setMode("DB", "full");
    await settled(user);
    setMode("DB", "ok");
    await release();
    expect(await found("DB", user)).toEqual([[1, 1]]);
    expect(await found("DB_1", user)).toEqual(numbered(2, 3));
  });

  it.for([
    [1, "before"],
    [2, "before"],
    [2, "after"],
    [3, "before"],
    [3, "after"],
  ] as const)("is exact after a crash at batch %i, %s D1 has it", async ([number, moment], { expect }) => {
    const user = await userInFirst(2);
    setMode("DB", "lost");
    await record(user, ...updated(1), ...events(2, 3));
    await vi.waitUntil(() => triesOf("DB") === 2);
    await record(user, ...updated(2), ...events(1, 5)); // these are not sent yet
    setMode("DB", "full");
    // The database refuses it and says what it has. Then the other one gets the rest.
    const { isReached } = holdBatch(number, moment);
    const run = runDurableObjectAlarm(userLog(user)).catch(() => {});
    await vi.waitUntil(isReached, { timeout: 5_000 });
    await abortAllDurableObjects();
    await run;
    await record(user, ...events(1, 6));
    await settled(user);
    const { log, d1 } = await whereabouts(user);
    expect(d1).toBe(log);
    expect(await found("DB", user)).toEqual([
      [1, 2],
      [3, 1],
      [4, 1],
    ]);
    expect(await found("DB_1", user)).toEqual([
      [2, 2],
      [5, 1],
      [6, 1],
    ]);
  });
});
