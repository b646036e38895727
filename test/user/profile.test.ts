import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import * as fc from "fast-check";
import { afterEach, describe, it, vi } from "vitest";
import { USER_PROPERTIES } from "../../src/event/contract.ts";
import { holdD1 } from "../d1-faults.ts";
import { anEvent, get, newUser, track, tracked, userLog } from "../tracklog.ts";

const T0 = 1_700_000_000_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** The latest value of each property, found by going through the whole log. */
async function recomputed(user: string): Promise<Record<string, unknown>> {
  const { events } = (await userLog(user).timeline({ order: "asc", limit: 500 }))!;
  const all = Object.assign({}, ...events.map(({ properties }) => JSON.parse(properties) as object)) as object;
  return Object.fromEntries(
    Object.entries(all).filter(([key]) => (USER_PROPERTIES as readonly string[]).includes(key)),
  );
}

async function summaryOf(user: string) {
  return (await get(`/users/${user}`)).body;
}

describe("the latest known properties", () => {
  const value = fc.constantFrom("a", "b", "c", "");
  const properties = fc.record(
    { email: value, name: value, first_name: value, last_name: value, plan: value },
    { requiredKeys: [] },
  );
  // Few times and names, so that updates and duplicates are frequent, and every second event or so is late.
  const event = fc.record({ event: fc.constantFrom("x", "y"), time: fc.nat(5), properties });
  const request = fc.array(event, { minLength: 1, maxLength: 4 });

  it("are those of the whole log by event time, after every request", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 12 }), async (requests) => {
        const user = newUser();
        for (const events of requests) {
          await userLog(user).record(
            events.map((one) => tracked({ ...one, userId: user, timestamp: T0 + one.time })),
            null,
          );
          expect((await userLog(user).summary())!.properties).toEqual(await recomputed(user));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("come back as they were sent, however odd", async ({ expect }) => {
    const user = newUser();
    const odd = ["\u0000a\u0000", "\ud800", "😀", '"', "\\", "\u2028"];
    // Compared as JSON, which can be printed.
    const text = async () => JSON.stringify((await summaryOf(user))["properties"]);
    const at = (time: number, name: string) =>
      track(anEvent({ user_id: user, timestamp: T0 + time, properties: { name } }));
    for (const [i, name] of odd.entries()) {
      await at(10 * i, "same");
      await at(10 * i + 2, name);
      expect(await text()).toBe(JSON.stringify({ name }));
      await at(10 * i + 3, name); // known already: its time is not noted
      await at(10 * i + 1, "late"); // so that the log is looked through
      expect(await text()).toBe(JSON.stringify({ name }));
    }
  });

  it("are not written again by an event that says the same, or nothing", async ({ expect }) => {
    const user = newUser();
    const record = (from: number, count: number, said: object) =>
      userLog(user).record(
        Array.from({ length: count }, (_, i) => tracked({ userId: user, timestamp: T0 + from + i, properties: said })),
        null,
      );
    await record(0, 1, { email: "a@b.c", name: "Ada" });
    const puts = await runInDurableObject(userLog(user), async (log, { storage }) => {
      const put = vi.spyOn(storage.kv, "put");
      const exec = vi.spyOn(storage.sql, "exec");
      const events = Array.from({ length: 100 }, (_, i) =>
        tracked({ userId: user, timestamp: T0 + 10 + i, properties: i % 2 ? { email: "a@b.c" } : {} }),
      );
      await log.record(events, null);
      const rows = exec.mock.results.reduce(
        (sum, { value: cursor }) => sum + (cursor as SqlStorageCursor<never>).rowsWritten,
        0,
      );
      expect(rows).toBe(200); // an event and its identity in the index
      return put.mock.calls.map(([key]) => key);
    });
    expect(puts).toEqual([]);
    await record(5, 1, { name: "Ada" }); // late, and the same
    expect(await summaryOf(user)).toMatchObject({ properties: { email: "a@b.c", name: "Ada" }, events: 102 });
  });
});

function eventsOf(user: string, count: number) {
  return Array.from({ length: count }, (_, i) => anEvent({ user_id: user, timestamp: T0 + i }));
}

describe("pending", () => {
  it("is what D1 has not got: new events, then updates of those it has", async ({ expect }) => {
    const user = newUser();
    await track(eventsOf(user, 3));
    await track({ ...eventsOf(user, 1)[0]!, properties: { a: 1 } }); // an update before it was shipped is still one
    expect(await summaryOf(user)).toMatchObject({ events: 3, pending: 3 });
    await runDurableObjectAlarm(userLog(user));
    expect(await summaryOf(user)).toMatchObject({ events: 3, pending: 0 });

    await track({ ...eventsOf(user, 1)[0]!, properties: { a: 2 } });
    await track({ ...eventsOf(user, 1)[0]!, properties: { a: 3 } }); // twice the same event
    await track(eventsOf(user, 4)); // three duplicates and one that is new
    expect(await summaryOf(user)).toMatchObject({ events: 4, pending: 2 });
    await runDurableObjectAlarm(userLog(user));
    expect(await summaryOf(user)).toMatchObject({ events: 4, pending: 0 });
  });

  it.for(["before", "after"] as const)(
    "counts what is in flight until its arrival is known, %s it",
    async (moment, { expect }) => {
      const user = newUser();
      const flush = holdD1(moment);
      await track(eventsOf(user, 3));
      await flush.reached();
      expect(await summaryOf(user)).toMatchObject({ events: 3, pending: 3 });
      await track({ ...eventsOf(user, 1)[0]!, properties: { a: 1 } }); // sent in its old revision
      await track(eventsOf(user, 4));
      expect(await summaryOf(user)).toMatchObject({ events: 4, pending: 4 });
      flush.release();
      await vi.waitFor(async () => expect(await summaryOf(user)).toMatchObject({ events: 4, pending: 0 }), {
        timeout: 5_000,
      });
    },
  );
});
