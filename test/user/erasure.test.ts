import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { encodeEventRow } from "../../src/d1/event-row.ts";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { breakD1, holdD1, holdDeletion } from "../d1-faults.ts";
import {
  anEvent,
  call,
  delivered,
  events,
  get,
  inStorage,
  letReceiptsExpire,
  newUser,
  record as recordEvents,
  rowsOf,
  stateOf,
  timelineOf,
  track,
  userLog,
} from "../tracklog.ts";

const soon = { timeout: 5_000 };

let user: string;
beforeEach(() => {
  user = newUser();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Records this many events, and waits until D1 has them if asked to. */
async function record(count: number, where: "log" | "D1" = "log", from = 1) {
  await recordEvents(user, ...events(count, from));
  if (where === "D1") await delivered(user);
}

function assertCount(rows: unknown[], count: number) {
  if (rows.length !== count) throw new Error(`${rows.length} rows, not ${count}`);
}

/** The answer of `DELETE /users/{id}`. */
async function erase() {
  const { status, body } = await call("DELETE", `/users/${user}`);
  return { status, erased: body["erased"] as number };
}

function forgotten() {
  return vi.waitFor(async () => assertCount(await rowsOf(user), 0), soon);
}

/** Waits until the erasures are complete and only the receipts are left, and then lets their time pass. */
async function released() {
  await letReceiptsExpire(user);
  const left = await inStorage(user, async (storage) => [
    ...storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
    ...storage.kv.list(),
    ...((await storage.getAlarm()) === null ? [] : ["alarm"]),
  ]);
  if (left.length > 0) throw new Error(`left: ${JSON.stringify(left)}`);
}

describe("G8: an erasure", () => {
  it("deletes the log at once and D1's rows soon, and leaves nothing", async ({ expect }) => {
    await record(3, "D1");
    expect(await erase()).toEqual({ status: 200, erased: 3 });
    expect((await get(`/users/${user}`)).status).toBe(404);
    expect((await get(`/users/${user}/events`)).status).toBe(404);
    await forgotten();
    await released();
    expect(await erase()).toEqual({ status: 200, erased: 0 });
    await released();
  });

  it("leaves nothing of events that D1 never had, and deletes no other user's rows", async ({ expect }) => {
    const other = user;
    await record(2, "D1");
    user = newUser();
    await record(3);
    expect(await erase()).toEqual({ status: 200, erased: 3 });
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toEqual([]);
    expect(await rowsOf(other)).toHaveLength(2);
  });

  it("lets the user start again at seq 1", async ({ expect }) => {
    await record(3, "D1");
    await erase();
    await forgotten();
    await record(2, "log", 2); // these two were erased, so they are new
    expect(await timelineOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]), soon);
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toHaveLength(2);
    expect(await timelineOf(user)).toHaveLength(2);
  });

  it("may be repeated, with and without events in between", async ({ expect }) => {
    await record(3, "D1");
    const d1 = breakD1();
    expect(await erase()).toMatchObject({ erased: 3 });
    expect(await erase()).toMatchObject({ erased: 0 });
    await record(2);
    expect(await erase()).toMatchObject({ erased: 2 });
    await record(1);
    d1.restore();
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1 }]), soon);
    expect(await erase()).toMatchObject({ erased: 1 });
    await forgotten();
    await released();
  });
});

describe("while D1 is away", () => {
  it("an erasure is answered, and continues for more than six alarms until D1 has deleted the events", async ({
    expect,
  }) => {
    await record(3, "D1");
    const d1 = breakD1();
    expect(await erase()).toEqual({ status: 200, erased: 3 });
    for (let alarm = 1; alarm <= 10; alarm++) expect(await runDurableObjectAlarm(userLog(user))).toBe(true);
    await evictDurableObject(userLog(user));
    d1.restore();
    expect(await rowsOf(user)).toHaveLength(3);
    expect((await get(`/users/${user}`)).status).toBe(404);

    expect(await runDurableObjectAlarm(userLog(user))).toBe(true);
    expect(await rowsOf(user)).toEqual([]);
    await released();
  });

  it("for a short time, an erasure completes by itself", async ({ expect }) => {
    await record(3, "D1");
    const d1 = breakD1();
    await erase();
    await vi.waitUntil(() => d1.tries() > 0, soon);
    d1.restore();
    await forgotten();
    expect(await timelineOf(user)).toBeUndefined();
  });

  it("an event that is tracked after the erasure has number 1 and stays", async ({ expect }) => {
    await record(3, "D1");
    const d1 = breakD1();
    await erase();
    expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "created", seq: 1 });
    await runDurableObjectAlarm(userLog(user));
    expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1, pending: 1 });
    d1.restore();
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toMatchObject([
      { seq: 1, event: "signed_up", timestamp: Date.UTC(2026, 0, 2, 3, 4, 5, 678) },
    ]);
    expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1, pending: 0 });
  });

  it("another DELETE sets the alarm again if it was lost", async ({ expect }) => {
    await record(1, "D1");
    const d1 = breakD1();
    await erase();
    await runInDurableObject(userLog(user), (_, { storage }) => storage.deleteAlarm());
    d1.restore();
    expect(await erase()).toMatchObject({ erased: 0 });
    await forgotten();
  });
});

describe("with a delivery in flight", () => {
  it.for(["before", "after"] as const)(
    "an erasure is answered and nothing old is left, if it comes %s D1 has the rows",
    async (moment, { expect }) => {
      const d1 = holdD1(moment);
      await record(3);
      await d1.reached();
      expect(await erase()).toEqual({ status: 200, erased: 3 });
      await record(1, "log", 9);
      const next = runInDurableObject(userLog(user), (log) => log.alarm()); // it must wait for the delivery
      await scheduler.wait(50);
      d1.release();
      await next;
      await scheduler.wait(50); // in case a row arrives late
      await vi.waitFor(async () => {
        expect(await rowsOf(user)).toMatchObject([{ seq: 1, timestamp: 1_700_000_000_009 }]);
      }, soon);
      expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1 });
      await vi.waitFor(async () => expect((await get(`/users/${user}`)).body["pending"]).toBe(0), soon);
      expect(await rowsOf(user)).toHaveLength(1);
    },
  );

  it("of several statements, an erasure is answered as well", async ({ expect }) => {
    const d1 = holdD1("before");
    await record(2_500);
    await d1.reached();
    expect(await erase()).toEqual({ status: 200, erased: 2_500 });
    d1.release();
    await runDurableObjectAlarm(userLog(user));
    await forgotten();
    expect((await get(`/users/${user}`)).status).toBe(404);
  });

  it("that a crash has cut off, rows that reach D1 after the deletion stay out", async ({ expect }) => {
    const d1 = holdD1("before");
    await record(3);
    await d1.reached();
    const generation = await generationOf();
    await erase();
    await abortAllDurableObjects();
    d1.release();
    await runDurableObjectAlarm(userLog(user)); // the deletion finds nothing
    await record(1, "D1", 9);
    // Only now does the statement arrive, when nobody waits for it any more.
    await insertEvents(env.DB, [aRow(generation)], 0, Date.now());
    expect(await rowsOf(user)).toMatchObject([{ timestamp: 1_700_000_000_009 }]);
  });
});

describe("a deletion in D1", () => {
  it("keeps what was tracked after the erasure, even if it comes late or twice", async ({ expect }) => {
    await record(3, "D1");
    const generation = await generationOf();
    await erase();
    await forgotten();
    await record(2, "D1");
    await eraseEvents(
      env.DB,
      user,
      generation,
      [1, 2, 3].map((seq) => [1_700_000_000_000 + seq, seq]),
      Date.now(),
    );
    expect(await rowsOf(user)).toHaveLength(2);
    expect(await generationOf()).not.toBe(generation);
  });

  it.for(["before", "after"] as const)("is repeated after a crash %s D1 has done it", async (moment, { expect }) => {
    await record(3, "D1");
    const deletion = holdDeletion(moment);
    await erase();
    await deletion.reached();
    await abortAllDurableObjects();
    deletion.release();
    await record(1); // in the new log
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1 }]), soon);
  });

  it("deletes both logs if the new one is erased meanwhile", async ({ expect }) => {
    await record(3, "D1");
    const deletion = holdDeletion("after");
    await erase();
    await deletion.reached();
    await record(2);
    await insertEvents(env.DB, [aRow(await generationOf())], 0, Date.now());
    expect(await erase()).toMatchObject({ erased: 2 });
    deletion.release();
    await runDurableObjectAlarm(userLog(user));
    await vi.waitFor(async () => assertCount(await rowsOf(user), 1), soon); // this row was never an event of the log
    await released();
  });
});

/** The generation of the user's log, which its rows in D1 have. */
async function generationOf(): Promise<number> {
  return (await stateOf(user))!.generation;
}

/** A row that a statement may still bring to D1. */
function aRow(generation: number): string {
  const event = { event: "e", timestamp: 1, message_id: null, properties: "{}", context: "{}" };
  return encodeEventRow({ user_id: user, generation, seq: 1, revision: 1, ...event, received_at: 1, source: null });
}
