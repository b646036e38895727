import { abortAllDurableObjects } from "cloudflare:test";
import { afterEach, describe, it, vi } from "vitest";
import { countRows } from "../count-rows.ts";
import { breakD1 } from "../d1-faults.ts";
import { delivered, events, inStorage, newUser, record, rowsOf, stateOf, tracked } from "../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

type Sent = ReturnType<typeof events>;

/** Counts the rows that some requests write, one after the other. */
function rowsOfRequests(user: string, ...requests: Sent[]) {
  return countRows(user, async (log) => {
    for (const request of requests)
      await log.record(
        request.map((event) => tracked({ ...event, userId: user })),
        null,
      );
  });
}

/** Twenty requests with one event each. */
function session(from: number): Sent[] {
  return Array.from({ length: 20 }, (_, i) => events(1, from + i));
}

function tablesOf(user: string): Promise<unknown[]> {
  return inStorage(user, ({ sql }) => sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '_cf%'").toArray());
}

describe("the rows that a user's object writes", () => {
  it("are a value and an alarm for a new user's first event, which needs no table", async ({ expect }) => {
    const user = newUser(); // the platform's own tables for these two make it four rows
    expect(await rowsOfRequests(user, events(1))).toMatchObject({ written: 2, values: 1, alarms: 1, statements: 0 });
    expect((await stateOf(user))!.only).toMatchObject({ seq: 1 });
    expect(await tablesOf(user)).toEqual([]);
  });

  it("are in one transaction for the first event, because nothing is awaited before the alarm is set", async ({
    expect,
  }) => {
    const user = newUser();
    await countRows(user, async (log, { storage }) => {
      const getAlarm = vi.spyOn(storage, "getAlarm");
      const setAlarm = vi.spyOn(storage, "setAlarm");
      const recorded = log.record([tracked({ userId: user })], null);
      for (let turn = 0; turn < 5; turn++) await Promise.resolve(); // nothing can arrive or be sent meanwhile
      expect(setAlarm).toHaveBeenCalledOnce();
      expect(getAlarm).not.toHaveBeenCalled();
      await recorded;
    });
  });

  it("are at most 2.1 per event in a session of twenty events, plus a table for a new user", async ({ expect }) => {
    const user = newUser();
    const first = await rowsOfRequests(user, ...session(1));
    expect(first).toMatchObject({ alarms: 1 });
    expect(first.written).toBeLessThanOrEqual(20 * 2.1 + 1);
    const later = await rowsOfRequests(user, ...session(100));
    expect(later.written + first.alarms).toBeLessThanOrEqual(20 * 2.1);
  });

  it("are at most 1.05 per event in a batch of a hundred", async ({ expect }) => {
    const { written } = await rowsOfRequests(newUser(), events(100));
    expect(written / 100).toBeLessThanOrEqual(1.05);
  });

  it("are none for a duplicate, whether of the only event or of another", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    expect(await rowsOfRequests(user, events(1), events(1))).toMatchObject({ written: 0 });
    expect(await tablesOf(user)).toEqual([]);
    await record(user, ...events(3));
    expect(await rowsOfRequests(user, events(1), events(3), events(2, 2))).toMatchObject({ written: 0 });
  });

  it("are none for a duplicate after a crash that left nothing to deliver", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(2));
    await delivered(user);
    await record(user, ...events(1, 5));
    await delivered(user);
    await inStorage(user, ({ kv }) => kv.put("log", { ...kv.get<object>("log"), backlog: [] }));
    await abortAllDurableObjects();
    expect(await rowsOfRequests(user, events(2))).toMatchObject({ written: 0 });
  });

  it("are two for an update, and one for that of an only event", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    expect(await rowsOfRequests(user, events(1, 1, { properties: { a: 1 } }))).toMatchObject({ written: 1 });
    await record(user, ...events(2));
    expect(await rowsOfRequests(user, events(1, 1, { properties: { a: 2 } }))).toMatchObject({ written: 2 });
    await delivered(user);
    expect(await rowsOf(user)).toMatchObject([{ revision: 3 }, { revision: 1 }]);
  });

  it("are none when D1 has received an event", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(5));
    d1.restore();
    await delivered(user);
    const { written } = await countRows(user, async (log) => {
      await log.record([tracked({ userId: user, timestamp: 9 })], null);
      await vi.waitUntil(() => log.summary()!.pending === 0, { timeout: 5_000 });
    });
    expect(written).toBeLessThanOrEqual(3); // event, state, and an alarm if there is none
  });

  it("are one more for a message that has an id and no time, and for no other", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(2));
    const message = { event: "e", messageId: "m", hasOwnTime: false };
    expect(await rowsOfRequests(user, [{ ...message, timestamp: 1 }])).toMatchObject({ written: 3 });
    expect(await rowsOfRequests(user, [{ ...message, timestamp: 2 }])).toMatchObject({ written: 0 });
    expect(await rowsOfRequests(user, [{ ...message, messageId: "n", hasOwnTime: true }])).toMatchObject({
      written: 2,
    });
    const generated = { ...message, messageId: "digest", hasOwnId: false };
    expect(await rowsOfRequests(user, [generated])).toMatchObject({ written: 2 });
  });
});
