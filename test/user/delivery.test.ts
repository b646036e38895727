import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { MAX_RUN_STATEMENTS, MAX_STATEMENT_EVENTS } from "../../src/limits.ts";
import type { LogState } from "../../src/user/log-state.ts";
import { breakD1, holdD1, watchD1 } from "../d1-faults.ts";
import { newUser, rowsOf, tracked, userLog } from "../tracklog.ts";

const soon = { timeout: 5_000 };

function event(number: number, userId: string) {
  return tracked({ userId, timestamp: 1_700_000_000_000 + number });
}

function storedState(userId: string): Promise<LogState> {
  return runInDurableObject(userLog(userId), (_, { storage }) => storage.kv.get<LogState>("log")!);
}

function alarmOf(userId: string): Promise<number | null> {
  return runInDurableObject(userLog(userId), (_, { storage }) => storage.getAlarm());
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("delivery", () => {
  it("comes before the alarm, which stays set for what a crash would leave", async ({ expect }) => {
    const user = newUser();
    await userLog(user).record([event(1, user)], null);
    const alarm = await alarmOf(user);
    expect(alarm).not.toBeNull();
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon);
    expect(await alarmOf(user)).toBe(alarm);
    await userLog(user).record([event(2, user)], null);
    expect(await alarmOf(user)).toBe(alarm); // one alarm for both
  });

  it("writes how far D1 has got along with the next event", async ({ expect }) => {
    const user = newUser();
    await userLog(user).record([event(1, user)], null);
    await vi.waitFor(async () => expect((await userLog(user).summary())!.pending).toBe(0), soon);
    expect((await storedState(user)).shippedSeq).toBe(0);
    await userLog(user).record([event(2, user)], null);
    expect((await storedState(user)).shippedSeq).toBe(1);
  });

  it("writes it from the alarm where no event comes", async ({ expect }) => {
    const user = newUser();
    await userLog(user).record([event(1, user)], null);
    await vi.waitFor(async () => expect((await userLog(user).summary())!.pending).toBe(0), soon);
    expect(await runDurableObjectAlarm(userLog(user))).toBe(true);
    expect((await storedState(user)).shippedSeq).toBe(1);
    expect(await alarmOf(user)).toBeNull(); // nothing is left to do
  });

  it("is repeated after a crash that lost it, and changes nothing in D1", async ({ expect }) => {
    const user = newUser();
    await userLog(user).record([event(1, user)], null);
    await vi.waitFor(async () => expect((await userLog(user).summary())!.pending).toBe(0), soon);
    const before = await rowsOf(user);
    await abortAllDurableObjects();
    const d1 = watchD1();
    expect((await userLog(user).summary())!.pending).toBe(1);
    await runDurableObjectAlarm(userLog(user));
    expect(d1.parameters).toHaveLength(1);
    expect(await rowsOf(user)).toEqual(before);
    expect((await userLog(user).summary())!.pending).toBe(0);
  });

  it("of a long backlog goes on after a crash where it stood", async ({ expect }) => {
    env.RATE_LIMIT_BURST_EVENTS = "100000";
    const user = newUser();
    const events = Array.from({ length: 2_500 }, (_, i) => event(i, user));
    const d1 = holdD1("before", 2);
    await userLog(user).record(events, null);
    await d1.reached();
    await abortAllDurableObjects();
    d1.release();
    expect((await storedState(user)).shippedSeq).toBe(1_000);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2_500), soon);
  });

  it("is armed by a retry whose first try lost its alarm in a crash", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await userLog(user).record([event(1, user)], null);
    await runInDurableObject(userLog(user), (_, { storage }) => storage.deleteAlarm());
    await abortAllDurableObjects();
    d1.restore();
    const { recorded } = (await userLog(user).record([event(1, user)], null)) as { recorded: unknown };
    expect(recorded).toMatchObject([{ status: "duplicate" }]);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon);
  });

  it("of a very long backlog goes on with another alarm, and ends", async ({ expect }) => {
    const user = newUser();
    const backlog = MAX_RUN_STATEMENTS * MAX_STATEMENT_EVENTS + 1;
    await userLog(user).record([event(0, user)], null);
    await vi.waitFor(async () => expect((await userLog(user).summary())!.pending).toBe(0), soon);
    await runDurableObjectAlarm(userLog(user)); // the safeguard, which finds nothing to do
    const armed = await runInDurableObject(userLog(user), async (log, { storage }) => {
      storage.sql.exec(
        `WITH RECURSIVE row(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM row WHERE n <= ?)
         INSERT INTO events (seq, timestamp, event, message_id, revision, properties, context, received_at)
         SELECT n, 1700000000000 + n, 'e', '', 1, '{}', '{}', 1700000000000 FROM row`,
        backlog,
      );
      const setAlarm = vi.spyOn(storage, "setAlarm");
      await log.alarm();
      return setAlarm.mock.calls.length;
    });
    expect(armed).toBe(1);
    await vi.waitFor(async () => expect((await userLog(user).summary())!.pending).toBe(0), { timeout: 60_000 });
    const count = await env.DB.prepare("SELECT count(*) AS n FROM events WHERE user_id = ?").bind(user).first("n");
    expect(count).toBe(backlog + 1);
  }, 90_000);
});
