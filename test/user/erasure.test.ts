import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { encodeEventRow } from "../../src/d1/event-row.ts";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { breakD1, holdD1 } from "../d1-faults.ts";
import { repeatErasure } from "../repeat-erasure.ts";
import { anEvent, call, get, newUser, rowsOf, timelineOf, track, tracked, userLog } from "../tracklog.ts";

const soon = { timeout: 5_000 };

let user: string;
beforeEach(() => {
  user = newUser();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Records so many events, and waits for D1 to have them if asked to. */
async function record(count: number, where: "log" | "D1" = "log", from = 1) {
  const events = Array.from({ length: count }, (_, i) =>
    tracked({ userId: user, timestamp: 1_700_000_000_000 + from + i }),
  );
  await userLog(user).record(events, null);
  if (where === "D1") await vi.waitFor(async () => assertCount(await rowsOf(user), count), soon);
}

function assertCount(rows: unknown[], count: number) {
  if (rows.length !== count) throw new Error(`${rows.length} rows, not ${count}`);
}

/** As `DELETE /users/{id}` answers. */
async function erase() {
  const { status, body } = await call("DELETE", `/users/${user}`);
  return { status, ...body };
}

function forgotten() {
  return vi.waitFor(async () => assertCount(await rowsOf(user), 0), soon);
}

/** The tables that the user's object has, and its alarm. */
function storageOf() {
  return runInDurableObject(userLog(user), async (_, { storage }) => ({
    tables: storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
    alarm: await storage.getAlarm(),
  }));
}

const EMPTY = { tables: [], alarm: null };

/** Holds the next batch to D1, which is the deletion: `before` D1 gets it, or `after`. */
function holdDeletion(moment: "before" | "after") {
  const gate = { reached: false, open: false };
  const batch = env.DB.batch.bind(env.DB);
  const spy = vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
    const result = moment === "after" ? await batch<never>(statements) : undefined;
    gate.reached = true;
    while (!gate.open) await scheduler.wait(5);
    return result ?? batch<never>(statements);
  });
  return {
    reached: () => vi.waitUntil(() => gate.reached, soon),
    release: () => {
      gate.open = true;
      spy.mockRestore();
    },
  };
}

describe("an erasure", () => {
  it("takes the log at once, D1's rows soon, and leaves nothing", async ({ expect }) => {
    await record(3, "D1");
    expect(await erase()).toEqual({ status: 200, erased: 3 });
    expect((await get(`/users/${user}`)).status).toBe(404);
    expect((await get(`/users/${user}/events`)).status).toBe(404);
    await forgotten();
    expect(await repeatErasure(user)).toBe(true);
    expect(await storageOf()).toEqual(EMPTY);
    expect(await erase()).toEqual({ status: 200, erased: 0 });
    expect(await storageOf()).toEqual(EMPTY);
  });

  it("of what D1 never got leaves nothing either, and takes no other user's rows", async ({ expect }) => {
    const other = user;
    await record(2, "D1");
    user = newUser();
    await record(3);
    expect(await erase()).toEqual({ status: 200, erased: 3 });
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toEqual([]);
    expect(await rowsOf(other)).toHaveLength(2);
  });

  it("lets the user begin anew, at seq 1", async ({ expect }) => {
    await record(3, "D1");
    await erase();
    await forgotten();
    await record(2, "log", 2); // two of the erased ones again: they are new
    expect(await timelineOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    // Soon, although an alarm is set for the repetition in some minutes.
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]), soon);
    await repeatErasure(user);
    expect(await rowsOf(user)).toHaveLength(2);
    expect(await timelineOf(user)).toHaveLength(2);
  });

  it("may come twice, with and without events in between", async ({ expect }) => {
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
    await repeatErasure(user);
    expect(await storageOf()).toEqual(EMPTY);
  });
});

describe("while D1 is away", () => {
  it("an erasure is answered, and goes on for more than six alarms until D1 has forgotten", async ({ expect }) => {
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
    await repeatErasure(user);
    expect(await storageOf()).toEqual(EMPTY);
  });

  it("for a moment, an erasure happens by itself", async ({ expect }) => {
    await record(3, "D1");
    const d1 = breakD1();
    await erase();
    await vi.waitUntil(() => d1.tries() > 0, soon);
    d1.restore();
    await forgotten();
    expect(await timelineOf(user)).toBeUndefined();
  });

  it("an event that was tracked after the erasure begins at 1, and is there afterwards", async ({ expect }) => {
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

  it("another DELETE brings the alarm back, should it have been lost", async ({ expect }) => {
    await record(1, "D1");
    const d1 = breakD1();
    await erase();
    await runInDurableObject(userLog(user), (_, { storage }) => storage.deleteAlarm());
    d1.restore();
    expect(await erase()).toMatchObject({ erased: 0 });
    await forgotten();
  });
});

describe("with a flush in flight", () => {
  it.for(["before", "after"] as const)(
    "an erasure is answered; nothing old survives, %s D1 has it",
    async (moment, { expect }) => {
      const flush = holdD1(moment);
      await record(3);
      await flush.reached();
      expect(await erase()).toEqual({ status: 200, erased: 3 });
      await record(1, "log", 9);
      const next = runInDurableObject(userLog(user), (log) => log.alarm()); // must wait for the flush
      await scheduler.wait(50);
      flush.release();
      await next;
      await scheduler.wait(50); // for a row that comes too late
      await vi.waitFor(async () => {
        expect(await rowsOf(user)).toMatchObject([{ seq: 1, timestamp: 1_700_000_000_009 }]);
      }, soon);
      expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1 });
      await vi.waitFor(async () => expect((await get(`/users/${user}`)).body["pending"]).toBe(0), soon);
      expect(await rowsOf(user)).toHaveLength(1);
    },
  );

  it("of more than one statement, an erasure is answered, too", async ({ expect }) => {
    const flush = holdD1("before");
    await record(2_500);
    await flush.reached();
    expect(await erase()).toEqual({ status: 200, erased: 2_500 });
    flush.release();
    await runDurableObjectAlarm(userLog(user));
    await forgotten();
    expect((await get(`/users/${user}`)).status).toBe(404);
  });

  it("that a crash cut off, rows which come to D1 after the deletion are deleted again", async ({ expect }) => {
    const flush = holdD1("before");
    await record(3);
    await flush.reached();
    const generation = await generationOf();
    await erase();
    await abortAllDurableObjects();
    flush.release();
    await runDurableObjectAlarm(userLog(user)); // the deletion finds nothing
    await record(1, "D1", 9);
    // Only now the statement arrives that nobody waits for any more.
    await insertEvents(env.DB, [aRow(generation)]);
    expect(await rowsOf(user)).toHaveLength(2);
    expect(await repeatErasure(user)).toBe(true);
    expect(await rowsOf(user)).toMatchObject([{ timestamp: 1_700_000_000_009 }]);
  });
});

describe("a deletion in D1", () => {
  it("that comes late, or twice, leaves what was tracked after the erasure", async ({ expect }) => {
    await record(3, "D1");
    const generation = await generationOf();
    await erase();
    await forgotten();
    await record(2, "D1");
    await eraseEvents(env.DB, user, generation);
    expect(await rowsOf(user)).toHaveLength(2);
    expect(await generationOf()).toBeGreaterThan(generation);
  });

  it.for(["before", "after"] as const)(
    "that a crash cuts off is done again, %s D1 has it",
    async (moment, { expect }) => {
      await record(3, "D1");
      const deletion = holdDeletion(moment);
      await erase();
      await deletion.reached();
      await abortAllDurableObjects();
      deletion.release();
      await record(1); // of the new log
      await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1 }]), soon);
    },
  );

  it("during which the new log is erased as well takes both", async ({ expect }) => {
    await record(3, "D1");
    const deletion = holdDeletion("after");
    await erase();
    await deletion.reached();
    await record(2);
    await insertEvents(env.DB, [aRow(await generationOf())]);
    expect(await erase()).toMatchObject({ erased: 2 });
    deletion.release();
    await runDurableObjectAlarm(userLog(user));
    await forgotten();
    await repeatErasure(user);
    expect(await storageOf()).toEqual(EMPTY);
  });
});

/** The generation of the user's log, as its rows in D1 will have it. */
async function generationOf(): Promise<number> {
  return runInDurableObject(
    userLog(user),
    (_, { storage }) => storage.kv.get<{ generation: number }>("log")!.generation,
  );
}

/** A row as a statement on its way may bring it to D1. */
function aRow(generation: number): string {
  const event = { event: "e", timestamp: 1, message_id: null, properties: "{}", context: "{}" };
  return encodeEventRow({ user_id: user, generation, seq: 1, revision: 1, ...event, received_at: 1, source: null });
}
