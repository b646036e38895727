import { runDurableObjectAlarm } from "cloudflare:test";
import * as fc from "fast-check";
import { afterEach, describe, it, vi } from "vitest";
import { USER_PROPERTIES } from "../../src/event/contract.ts";
import { countRows } from "../count-rows.ts";
import { holdD1 } from "../d1-faults.ts";
import {
  anEvent,
  events as someEvents,
  get,
  inStorage,
  newUser,
  record,
  track,
  tracked,
  userLog,
} from "../tracklog.ts";

const T0 = 1_700_000_000_000;

afterEach(() => {
  vi.restoreAllMocks();
});

/** The latest value of each property, found by reading the whole log. */
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
  // There are few times and names, so that updates and duplicates are frequent and about half of the events are late.
  const event = fc.record({ event: fc.constantFrom("x", "y"), time: fc.nat(5), properties });
  const request = fc.array(event, { minLength: 1, maxLength: 4 });

  it("are those of the whole log in the order of event times, after every request", async ({ expect }) => {
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

  it("are returned as they were sent, however odd they are", async ({ expect }) => {
    const user = newUser();
    const odd = ["\u0000a\u0000", "\ud800", "😀", '"', "\\", "\u2028"];
    // They are compared as JSON, which can be printed.
    const text = async () => JSON.stringify((await summaryOf(user))["properties"]);
    const at = (time: number, name: string) =>
      track(anEvent({ user_id: user, timestamp: T0 + time, properties: { name } }));
    for (const [i, name] of odd.entries()) {
      await at(10 * i, "same");
      await at(10 * i + 2, name);
      expect(await text()).toBe(JSON.stringify({ name }));
      await at(10 * i + 3, name); // the value is known already, so its time is not noted
      await at(10 * i + 1, "late"); // so that the whole log would have to be read
      expect(await text()).toBe(JSON.stringify({ name }));
    }
  });

  it("cost the same for late events and updates as for others, however long the log is", async ({ expect }) => {
    const costs = [];
    for (const count of [10, 20_000]) {
      const user = newUser();
      await record(user, ...someEvents(2, 0, { properties: { email: "a@b.c" } }));
      await inStorage(user, ({ sql }) =>
        sql.exec(
          `INSERT INTO events SELECT ?1 + value, 'e', '', value, 1, '{"email":"b@b.c"}', '{}', 0, NULL, NULL, NULL
           FROM ${SERIES}`,
          T0,
          count,
        ),
      );
      const { read, written } = await countRows(user, async (log) => {
        const say = (timestamp: number, email: string) =>
          log.record([tracked({ userId: user, timestamp, properties: { email } })], null);
        await say(T0 - 5, "late@b.c");
        await say(T0 - 5, "updated@b.c");
        await say(T0 + 5 + count, "newer@b.c");
      });
      costs.push({ read, written });
      expect((await userLog(user).summary())!.properties).toEqual({ email: "newer@b.c" });
    }
    expect(costs[0]).toEqual(costs[1]);
    expect(costs[0]!.read).toBeLessThan(10);
  });

  it("are deleted when the user is erased", async ({ expect }) => {
    const user = newUser();
    await record(user, { properties: { email: "a@b.c", name: "Ada" } });
    await userLog(user).erase();
    await record(user, { properties: { name: "Grace" } });
    expect(await summaryOf(user)).toMatchObject({ properties: { name: "Grace" } });
    expect((await summaryOf(user))["properties"]).not.toHaveProperty("email");
    expect(await inStorage(user, ({ kv }) => JSON.stringify([...kv.list()]))).not.toContain("a@b.c");
  });
});

/** As many numbers from 10 on as the second parameter says. */
const SERIES =
  "(WITH RECURSIVE numbers(value) AS (SELECT 10 UNION ALL SELECT value + 1 FROM numbers WHERE value < 9 + ?2) SELECT value FROM numbers)";

function eventsOf(user: string, count: number) {
  return Array.from({ length: count }, (_, i) => anEvent({ user_id: user, timestamp: T0 + i }));
}

describe("pending", () => {
  it("counts what D1 lacks, which is new events and then updates of those it has", async ({ expect }) => {
    const user = newUser();
    await track(eventsOf(user, 3));
    await track({ ...eventsOf(user, 1)[0]!, properties: { a: 1 } }); // an update before the delivery does not count again
    expect(await summaryOf(user)).toMatchObject({ events: 3, pending: 3 });
    await runDurableObjectAlarm(userLog(user));
    expect(await summaryOf(user)).toMatchObject({ events: 3, pending: 0 });

    await track({ ...eventsOf(user, 1)[0]!, properties: { a: 2 } });
    await track({ ...eventsOf(user, 1)[0]!, properties: { a: 3 } }); // this is the same event again
    await track(eventsOf(user, 4)); // three duplicates and one that is new
    expect(await summaryOf(user)).toMatchObject({ events: 4, pending: 2 });
    await runDurableObjectAlarm(userLog(user));
    expect(await summaryOf(user)).toMatchObject({ events: 4, pending: 0 });
  });

  it.for(["before", "after"] as const)(
    "counts events in flight until D1's answer arrives, %s D1 has them",
    async (moment, { expect }) => {
      const user = newUser();
      const d1 = holdD1(moment);
      await track(eventsOf(user, 3));
      await d1.reached();
      expect(await summaryOf(user)).toMatchObject({ events: 3, pending: 3 });
      await track({ ...eventsOf(user, 1)[0]!, properties: { a: 1 } }); // this one is sent in its old revision
      await track(eventsOf(user, 4));
      expect(await summaryOf(user)).toMatchObject({ events: 4, pending: 4 });
      d1.release();
      await vi.waitFor(async () => expect(await summaryOf(user)).toMatchObject({ events: 4, pending: 0 }), {
        timeout: 5_000,
      });
    },
  );
});
