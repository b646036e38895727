import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { D1Writer } from "../../src/d1/d1-writer.ts";
import { writerOf } from "../../src/d1/writer-of.ts";
import { DAY_MS } from "../../src/d1/hour.ts";
import { LOG_EXPIRY_DELAY_MS, MAX_LASTING_DELAY_MS } from "../../src/limits.ts";
import { callUponWaiting } from "../../src/user/call-upon-waiting.ts";
import { raiseFloor } from "../../src/user/retention-floor.ts";
import type { Failures } from "../../src/user/stored-values.ts";
import { at, keepAll, keepThirtyDays, now, settleFloor } from "../retention-clock.ts";
import {
  bindDatabases,
  found,
  paceBatches,
  rebuilt,
  setMode,
  settled,
  triesOf,
  unbindDatabases,
  userOf,
} from "../several-databases.ts";
import { alarmOf, type Answer, delivered, get, inStorage, record, stateOf, userLog } from "../tracklog.ts";

// How events expire in a log that has continued in another database.

beforeEach(() => {
  keepThirtyDays();
  bindDatabases("DB_1");
});
afterEach(() => {
  unbindDatabases();
  keepAll();
});

/** A user with an event from this many days ago in the first database, and one from now in the second. */
async function userInBoth(days: number): Promise<string> {
  const user = userOf("DB");
  await record(user, { timestamp: now - days * DAY_MS, event: "early" });
  await delivered(user);
  env.CLOSED_DATABASES = "DB";
  await record(user, { timestamp: now, event: "late" });
  await delivered(user);
  return user;
}

function isListed(database: string, user: string): Promise<boolean> {
  return runInDurableObject(env.D1_WRITER.getByName(`${database}#0`), (_, { storage }) =>
    [...storage.sql.exec<{ user_id: string }>("SELECT user_id FROM users")].some(({ user_id }) => user_id === user),
  );
}

describe("a log in two databases", () => {
  it("deletes events that have expired in one, and still delivers the others to both", async ({ expect }) => {
    const user = await userInBoth(20);
    at(now + 20 * DAY_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect((await stateOf(user))!.expired).toMatchObject({ events: 1 });
    await record(user, { timestamp: now, event: "later" });
    await delivered(user);
    expect((await get(`/users/${user}`)).body).toMatchObject({ events: 2, pending: 0 });
    expect(await found("DB_1", user)).toEqual([
      [2, 1],
      [3, 1],
    ]);
    await userLog(user).erase();
    await delivered(user);
    const receipt = async () => ((await get(`/users/${user}/erasure`)).body["erasures"] as Answer[])[0]!;
    await vi.waitUntil(async () => (await receipt())["done_at"] !== null);
    expect(await receipt()).toMatchObject({
      events: 2,
      databases: [
        { database: "DB_1", events: 2, stage: "done" },
        { database: "DB", events: 0, stage: "done" },
      ],
    });
  });

  it("leaves both directories when its last event is deleted", async ({ expect }) => {
    const user = await userInBoth(1);
    expect([await isListed("DB", user), await isListed("DB_1", user)]).toEqual([true, true]);
    at(now + 30 * DAY_MS + 2 * LOG_EXPIRY_DELAY_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect(await stateOf(user)).toBeUndefined();
    expect([await isListed("DB", user), await isListed("DB_1", user)]).toEqual([false, false]);
  });

  it("stays in the directory of the database in which it goes on while it leaves the other", async ({ expect }) => {
    const user = await userInBoth(1);
    at(now + 30 * DAY_MS + 2 * LOG_EXPIRY_DELAY_MS);
    await settleFloor();
    const [isLeaving, hasGoneOn] = [{ value: false }, { value: false }];
    const leave = vi.spyOn(D1Writer.prototype, "leave").mockImplementationOnce(async () => {
      isLeaving.value = true;
      while (!hasGoneOn.value) await scheduler.wait(5);
      return { ok: true, refused: [] };
    });
    const alarm = runDurableObjectAlarm(userLog(user));
    await vi.waitUntil(() => isLeaving.value);
    env.CLOSED_DATABASES = "DB_1";
    await record(user, { timestamp: now, event: "new" });
    await delivered(user);
    hasGoneOn.value = true;
    await alarm;
    expect(leave.mock.calls.length).toBeGreaterThan(0);
    expect(await found("DB", user)).toContainEqual([3, 1]);
    expect(await isListed("DB", user)).toBe(true);
  });

  it("tries again within an hour if a directory does not remove it", async ({ expect }) => {
    const user = await userInBoth(1);
    at(now + 30 * DAY_MS + 2 * LOG_EXPIRY_DELAY_MS);
    await settleFloor();
    const leave = vi.spyOn(D1Writer.prototype, "leave");
    leave.mockResolvedValue({ ok: false, failure: "away", error: "no disk" });
    await runDurableObjectAlarm(userLog(user));
    expect(await stateOf(user)).toBeDefined();
    expect(await alarmOf(user)).toBeLessThanOrEqual(Date.now() + MAX_LASTING_DELAY_MS);
    leave.mockRestore();
    await runDurableObjectAlarm(userLog(user));
    expect(await stateOf(user)).toBeUndefined();
  });

  it("does not wait for a database for ever if what it lacks has expired", async ({ expect }) => {
    const user = await userInBoth(20);
    setMode("DB", "away");
    await record(user, { timestamp: now - 20 * DAY_MS, event: "early", properties: { updated: true } });
    const users = async () => (await writerOf(env, "DB", user).status()).waiting.users;
    await vi.waitUntil(async () => (await users()) === 1);
    at(now + 20 * DAY_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1, pending: 0 });
    setMode("DB", "ok");
    await callUponWaiting(env, Date.now());
    expect(await users()).toBe(0);
  });

  it("refuses what was ever refused, even after the first database is no longer bound", async ({ expect }) => {
    const { refused } = await raiseFloor(env, Date.now());
    expect(refused).toBeGreaterThan(0);
    const first = env.DB;
    Reflect.deleteProperty(env, "DB");
    try {
      env.RETENTION_DAYS = "60";
      at(now + DAY_MS);
      expect((await raiseFloor(env, Date.now())).refused).toBe(refused);
    } finally {
      Object.assign(env, { DB: first });
    }
  });

  it("does not move events that expire while the full database is asked", async ({ expect }) => {
    const user = userOf("DB");
    setMode("DB", "full");
    env.CLOSED_DATABASES = "DB_1";
    await record(user, { timestamp: now - 20 * DAY_MS }, { timestamp: now });
    await vi.waitUntil(() => inStorage(user, ({ kv }) => kv.get("failures") !== undefined));
    at(now + 20 * DAY_MS);
    await settleFloor();
    await inStorage(user, ({ kv }) => {
      const failures = kv.get<Record<string, Failures>>("failures")!;
      kv.put("failures", { DB: { ...failures["DB"]!, retryAt: Number.MAX_SAFE_INTEGER } });
    });
    await evictDurableObject(userLog(user));
    env.CLOSED_DATABASES = "";
    let turns = 0;
    const [isAsked, isExpired] = [{ value: false }, { value: false }];
    paceBatches(async () => {
      // After the insertion is tried again, the database is asked what it has.
      if (triesOf("DB") > 1) isAsked.value = ++turns > 1;
      while (isAsked.value && !isExpired.value) await scheduler.wait(5);
    });
    await userLog(user).deliver("DB");
    await vi.waitUntil(() => isAsked.value);
    await runDurableObjectAlarm(userLog(user)); // the expired events are due, the database is not
    isExpired.value = true;
    await settled(user);
    const { moved, expired } = (await stateOf(user))!;
    expect(expired).toMatchObject({ events: 1 });
    expect(moved!.stretches.at(-1)).toEqual({ first: 2, database: "DB_1" });
    expect(await found("DB", user)).toEqual([]);
    expect(await found("DB_1", user)).toEqual([[2, 1]]);
    expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1, pending: 0 });
  });

  it("is rebuilt without expired events", async ({ expect }) => {
    const user = await userInBoth(20);
    await env.DB.prepare("DELETE FROM events").run();
    await env.SECOND_DB.prepare("DELETE FROM events").run();
    at(now + 15 * DAY_MS);
    await rebuilt("DB");
    await rebuilt("DB_1");
    expect(await found("DB", user)).toEqual([]);
    expect(await found("DB_1", user)).toEqual([[2, 1]]);
  });
});
