import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { DAY_MS } from "../../src/d1/hour.ts";
import { EXPIRY_CHUNK_ROWS, EXPIRY_INTERVAL_MS, FLOOR_SETTLE_MS, LOG_EXPIRY_DELAY_MS } from "../../src/limits.ts";
import { breakD1 } from "../d1-faults.ts";
import { at, keepAll, keepThirtyDays, now, settleFloor } from "../retention-clock.ts";
import {
  alarmOf,
  anEvent,
  call,
  delivered,
  events,
  get,
  inStorage,
  newUser,
  record,
  rowsOf,
  stateOf,
  timelineOf,
  track,
  userLog,
} from "../tracklog.ts";

let user: string;
beforeEach(() => {
  user = newUser();
  keepThirtyDays();
});
afterEach(() => {
  keepAll();
  vi.restoreAllMocks();
});

/** An event that was tracked this many days ago. */
function aged(days: number, changes: Record<string, unknown> = {}) {
  return anEvent({ user_id: user, timestamp: now - days * DAY_MS, ...changes });
}

function directory(): Promise<string[]> {
  return runInDurableObject(env.D1_WRITER.getByName("DB#0"), (_, { storage }) =>
    [...storage.sql.exec<{ user_id: string }>("SELECT user_id FROM users")].map(({ user_id }) => user_id),
  );
}

/** What the object still has on disk. */
function leftovers(): Promise<unknown[]> {
  return inStorage(user, async (storage) => [
    ...storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
    ...storage.kv.list(),
    ...((await storage.getAlarm()) === null ? [] : ["alarm"]),
  ]);
}

const seqs = async () => (await timelineOf(user)).map(({ seq }) => seq as number);

describe("a log", () => {
  it("shows no expired events, even before they are deleted", async ({ expect }) => {
    await track([aged(29), aged(28.5), aged(10), aged(1)]);
    await delivered(user);
    at(now + 1.2 * DAY_MS);
    expect(await seqs()).toEqual([2, 3, 4]);
    expect((await get(`/users/${user}`)).body).toMatchObject({ events: 3 });
    expect(Date.parse((await get(`/users/${user}`)).body["first_seen"] as string)).toBe(now - 29.7 * DAY_MS);
    at(now + 100 * DAY_MS);
    expect((await get(`/users/${user}`)).status).toBe(404);
    expect((await get(`/users/${user}/events`)).status).toBe(404);
    expect((await get(`/users/${user}/export`)).status).toBe(404);
  });

  it("deletes events by its own alarm, after their time is refused, and continues its numbers", async ({ expect }) => {
    await track([aged(29), aged(20)]);
    await delivered(user);
    await runDurableObjectAlarm(userLog(user)); // the safeguard finds nothing to do and sets the distant alarm
    const expiry = now - 29 * DAY_MS + 30 * DAY_MS + LOG_EXPIRY_DELAY_MS;
    expect(await alarmOf(user)).toBe(expiry);

    at(expiry - 2 * FLOOR_SETTLE_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect((await stateOf(user))!.expired).toBeUndefined(); // not yet
    at(expiry + FLOOR_SETTLE_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect((await stateOf(user))!.expired).toMatchObject({ events: 1 });
    expect(await inStorage(user, ({ sql }) => sql.exec("SELECT seq FROM events").toArray())).toEqual([{ seq: 2 }]);
    expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1 });
    expect((await track(aged(0))).body).toMatchObject({ status: "created", seq: 3 });
    expect((await call("DELETE", `/users/${user}`)).body).toMatchObject({ erased: 2, erasures: [{ events: 2 }] });
  });

  it("deletes its storage with its last event, and leaves the directory", async ({ expect }) => {
    await track(aged(1, { properties: { email: "a@example.com" } }));
    await delivered(user);
    expect(await directory()).toContain(user);
    const { generation } = (await stateOf(user))!;
    at(now + 40 * DAY_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect(await leftovers()).toEqual([]);
    expect(await directory()).not.toContain(user);

    expect((await track(aged(0))).body).toMatchObject({ status: "created", seq: 1 });
    expect((await stateOf(user))!.generation).not.toBe(generation);
    expect((await get(`/users/${user}`)).body["properties"]).toEqual({});
  });

  it("never accepts again what it has deleted, even if the setting becomes longer or is removed", async ({
    expect,
  }) => {
    const other = newUser();
    const event = aged(1);
    await track([event, { ...event, user_id: other }, anEvent({ user_id: other, timestamp: now })]);
    await delivered(user);
    at(now + 33 * DAY_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect(await leftovers()).toEqual([]);
    for (const days of ["365", ""]) {
      env.RETENTION_DAYS = days;
      for (const id of [user, other])
        expect((await track({ ...event, user_id: id })).body).toMatchObject({ code: "expired" });
    }
    at(now + 10 * DAY_MS);
    expect((await track(aged(9))).body).toMatchObject({ status: "created" });
  });

  it("keeps its other events, however many it deletes", async ({ expect }) => {
    const old = now - 20 * DAY_MS;
    await record(user, ...events(EXPIRY_CHUNK_ROWS / 10).map((event, i) => ({ ...event, timestamp: old + i })));
    await delivered(user);
    await inStorage(user, ({ sql }) =>
      sql.exec(
        `INSERT INTO events SELECT timestamp + 1000 * value, event, message_id, seq, revision, properties, context, received_at,
           source, enrichment, versions FROM events, (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n
           WHERE value < 25) SELECT value FROM n)`,
      ),
    );
    await track(aged(0));
    await delivered(user);
    at(now + 20 * DAY_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect(await inStorage(user, ({ sql }) => sql.exec("SELECT count(*) AS n FROM events").one())).toEqual({ n: 1 });
    expect((await stateOf(user))!.expired!.events).toBe(26 * (EXPIRY_CHUNK_ROWS / 10));
  });

  it("deletes expired events that D1 never had, and then delivers the rest", async ({ expect }) => {
    const d1 = breakD1();
    const many = Array.from({ length: 900 }, (_, i) => ({
      timestamp: now - 10 * DAY_MS + i,
      messageId: `${i}`.repeat(20),
    }));
    await record(user, ...many); // the keys are moved to packs
    await record(user, { timestamp: now });
    expect(await inStorage(user, ({ kv }) => [...kv.list({ prefix: "backlog:" })].length)).toBeGreaterThan(0);
    await abortAllDurableObjects();
    at(now + 25 * DAY_MS);
    await settleFloor();
    d1.restore();
    const log = vi.spyOn(console, "error");
    breakD1();
    await runDurableObjectAlarm(userLog(user));
    vi.restoreAllMocks();
    await runDurableObjectAlarm(userLog(user));
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toMatchObject([{ seq: 901 }]);
    expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1, pending: 0 });
    expect(log.mock.calls.filter(([line]) => String(line).includes("backlog_without_event"))).toEqual([]);
  });

  it("deletes the times of messages with their events", async ({ expect }) => {
    const { exports } = await import("cloudflare:workers");
    const send = (messageId: string) =>
      exports.default.fetch("https://tracklog.test/v1/track", {
        method: "POST",
        body: JSON.stringify({ event: "e", userId: user, messageId }),
      });
    await send("m-1");
    await delivered(user);
    at(now + 34 * DAY_MS);
    await send("m-2");
    await delivered(user);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    const names = await inStorage(user, ({ kv }) => [...kv.list({ prefix: "time:" })].map(([name]) => name));
    expect(names).toEqual(["time:e\0m-2"]);
  });

  it("keeps only its suppression or its receipt if it has one", async ({ expect }) => {
    await track(aged(1));
    await delivered(user);
    await call("PUT", `/users/${user}/suppression`);
    at(now + 40 * DAY_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    expect(await inStorage(user, ({ kv }) => [...kv.list()])).toEqual([["suppressed", true]]);
  });
});

describe("a log that is asleep", () => {
  it("is woken when RETENTION_DAYS is set or shortened, and not again after that", async ({ expect }) => {
    env.RETENTION_DAYS = "";
    await track(aged(10));
    await delivered(user);
    await inStorage(user, (storage) => storage.deleteAlarm());
    await abortAllDurableObjects();
    for (const days of ["20", "5"]) {
      env.RETENTION_DAYS = days;
      for (let hours = 0; hours < 3; hours++) await settleFloor();
      const expiry = (await stateOf(user))!.only!.timestamp + Number(days) * DAY_MS + LOG_EXPIRY_DELAY_MS;
      const alarm = await alarmOf(user);
      expect(alarm).toBeGreaterThanOrEqual(expiry);
      expect(alarm).toBeLessThanOrEqual(Math.max(expiry, now));
    }
    await inStorage(user, (storage) => storage.deleteAlarm());
    await abortAllDurableObjects();
    await settleFloor();
    expect(await alarmOf(user)).toBeNull();
    at(now + 31 * DAY_MS); // all logs are woken from time to time, in case alarms are lost
    await settleFloor();
    expect(await alarmOf(user)).not.toBeNull();
  });

  it("wakes up at most once a day", async ({ expect }) => {
    await track([aged(1), aged(0.5), aged(0.4)]);
    await delivered(user);
    at(now + 29 * DAY_MS + LOG_EXPIRY_DELAY_MS + FLOOR_SETTLE_MS);
    await settleFloor();
    await runDurableObjectAlarm(userLog(user));
    const next = await alarmOf(user);
    expect(next).toBeGreaterThanOrEqual(now + EXPIRY_INTERVAL_MS);
    expect(next).toBeLessThan(now + 2 * EXPIRY_INTERVAL_MS);
  });

  it("leaves the directory even if there was a crash before that", async ({ expect }) => {
    await track(aged(1));
    await delivered(user);
    await inStorage(user, (storage) => storage.deleteAll());
    await abortAllDurableObjects();
    at(now + 31 * DAY_MS);
    expect(await directory()).toContain(user);
    await settleFloor();
    expect(await directory()).not.toContain(user);
  });
});
