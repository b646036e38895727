import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS } from "../../src/limits.ts";
import { holdD1, watchD1 } from "../d1-faults.ts";
import {
  type Answer,
  delivered,
  events,
  newUser,
  pendingOf,
  record,
  rowsOf,
  stateOf,
  tracked,
  userLog,
} from "../tracklog.ts";

const soon = { timeout: 5_000 };

// The tests record more at once than a user may send, because they test the delivery.
env.RATE_LIMIT_BURST_EVENTS = "100000";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("a delivery", () => {
  it("sends nothing twice, and no statement at all if D1 has the whole log", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(3));
    await delivered(user);
    const d1 = watchD1();
    await record(user, ...events(3)); // duplicates
    await runInDurableObject(userLog(user), (log) => log.alarm());
    expect(d1.parameters).toEqual([]);
  });

  it("updates the revision, properties and context of an event that D1 has", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(3, 1, { properties: { a: 1 } }));
    await delivered(user);
    const [before] = await rowsOf(user);
    await record(user, ...events(1, 1, { properties: { b: 2 }, context: { c: 3 } }));
    await delivered(user);
    const [{ written_at, ...after }] = (await rowsOf(user)) as [Answer];
    expect(written_at).toBeGreaterThanOrEqual(before!["written_at"] as number);
    expect({ ...after, written_at: 0 }).toEqual({
      ...before,
      written_at: 0,
      revision: 2,
      properties: '{"a":1,"b":2}',
      context: '{"c":3}',
    });
  });

  it("writes the same as the log has, column by column", async ({ expect }) => {
    const user = newUser();
    const odd = { event: "é'\"\\", messageId: "m😀", properties: { a: "\ud800\0" }, context: { b: [1e21] } };
    const event = tracked({ userId: user, ...odd, enrichment: '{"b":0,"country":"PT"}' });
    await userLog(user).record([event], "a key");
    await delivered(user);
    const [row] = await rowsOf(user);
    const { user_id, generation, written_at: _, ...columns } = row!;
    expect((await userLog(user).timeline({ order: "asc", limit: 1 }))!.events).toEqual([columns]);
    expect({ user_id, generation }).toEqual({ user_id: user, generation: (await stateOf(user))!.generation });
    expect(columns).toMatchObject({ source: "a key", message_id: "m😀", properties: event.properties });
    expect(JSON.parse(columns["context"] as string)).toEqual({ country: "PT", b: [1e21] }); // the client's context wins
  });

  it("takes several statements for more than 1,000 events, in the order of the log", async ({ expect }) => {
    const user = newUser();
    const d1 = watchD1();
    await record(user, ...events(2_500));
    await delivered(user, 15_000);
    const statements = d1.parameters.map((parameter) => JSON.parse(parameter) as unknown[][]);
    expect(Math.max(...statements.map((rows) => rows.length))).toBe(MAX_STATEMENT_EVENTS);
    const seqs = statements.flat().map(([, , , , , seq]) => seq);
    expect(seqs).toEqual(seqs.map((_, i) => i + 1));
    expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual(
      Array.from({ length: 2_500 }, (_, i) => i + 1),
    );
  });

  it("takes several statements for more than 1 MB, in bytes of UTF-8", async ({ expect }) => {
    const user = newUser();
    const d1 = watchD1();
    await record(user, ...events(40, 1, { properties: { text: "漢".repeat(20_000) } })); // 60 KB each
    await delivered(user, 10_000);
    const sizes = d1.parameters.map((parameter) => new TextEncoder().encode(parameter).length);
    expect(sizes).toHaveLength(3);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(MAX_STATEMENT_BYTES + 1);
    expect(sizes[0]).toBeGreaterThan(MAX_STATEMENT_BYTES - 61_000); // and there are no more statements than needed
    expect(await rowsOf(user)).toHaveLength(40);
  });

  it("includes an event that is larger than a statement's usual size", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(3, 1, { properties: { text: '"'.repeat(600_000) } })); // each quote is escaped twice over
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(3), { timeout: 10_000 });
  });

  it("sends updates and new events that wait together, even if they exceed one statement", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1_500));
    await delivered(user, 10_000);
    await record(user, ...events(1_500, 1, { properties: { a: 1 } }), ...events(800, 1_501));
    await delivered(user, 10_000);
    expect((await rowsOf(user)).map(({ seq, revision }) => [seq, revision])).toEqual(
      Array.from({ length: 2_300 }, (_, i) => [i + 1, i < 1_500 ? 2 : 1]),
    );
  });
});

describe("while a delivery waits for D1", () => {
  it.for(["before", "after"] as const)(
    "an event that is recorded is not mistaken for a sent one (%s D1 has the first)",
    async (moment, { expect }) => {
      const user = newUser();
      const d1 = holdD1(moment);
      await record(user, ...events(1));
      await d1.reached();
      await record(user, ...events(50, 2));
      d1.release();
      await delivered(user);
      expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual(Array.from({ length: 51 }, (_, i) => i + 1));
    },
  );

  it.for(["before", "after"] as const)(
    "an update of the event that is on its way also reaches D1 (%s)",
    async (moment, { expect }) => {
      const user = newUser();
      const d1 = holdD1(moment);
      await record(user, { properties: { plan: "free" } });
      await d1.reached();
      await record(user, { properties: { plan: "pro" } });
      d1.release();
      await delivered(user);
      expect(await rowsOf(user)).toMatchObject([{ seq: 1, revision: 2, properties: '{"plan":"pro"}' }]);
    },
  );

  it("an update of an update that is on its way also reaches D1", async ({ expect }) => {
    const user = newUser();
    await record(user, { properties: { n: 1 } });
    await delivered(user);
    const d1 = holdD1("before");
    await record(user, { properties: { n: 2 } });
    await d1.reached();
    await record(user, { properties: { n: 3 } });
    d1.release();
    await delivered(user);
    expect(await rowsOf(user)).toMatchObject([{ revision: 3, properties: '{"n":3}' }]);
  });

  it("the log answers at once, and neither recording nor reading waits for D1", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("before");
    await record(user, ...events(1));
    await d1.reached();
    expect(await record(user, ...events(1, 2))).toMatchObject([{ status: "created", seq: 2 }]);
    expect((await userLog(user).timeline({ order: "asc", limit: 10 }))!.events).toHaveLength(2);
    d1.release(); // only now does D1 answer
  });
});

describe("the note of a delivery", () => {
  it("is written with the next event", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await delivered(user);
    expect((await stateOf(user))!.backlog).toHaveLength(1);
    await record(user, ...events(1, 2));
    expect((await stateOf(user))!.backlog).toEqual([[1_700_000_000_002, "signed_up", ""]]);
  });

  it("may be lost in a crash, and then the delivery is repeated and changes nothing in D1", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await delivered(user);
    const before = await rowsOf(user);
    const feed = env.DB.prepare("SELECT count(*) AS n FROM feed");
    const told = await feed.first("n");
    await abortAllDurableObjects();
    const d1 = watchD1();
    expect(await pendingOf(user)).toBe(1);
    await runDurableObjectAlarm(userLog(user));
    expect(d1.parameters).toHaveLength(1);
    expect(await rowsOf(user)).toEqual(before);
    expect(await feed.first("n")).toBe(told);
    expect(await pendingOf(user)).toBe(0);
  });

  it("does not hide an update of an event that was delivered", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(2));
    await delivered(user);
    await abortAllDurableObjects();
    await record(user, ...events(1, 2, { properties: { n: 1 } }), ...events(1, 1, { properties: { n: 2 } }));
    await delivered(user);
    expect(await rowsOf(user)).toMatchObject([{ revision: 2 }, { revision: 2 }]);
  });

  it("does not hide an update that was made while the event was on its way", async ({ expect }) => {
    const user = newUser();
    const d1 = holdD1("after");
    await record(user, ...events(1));
    await d1.reached();
    await record(user, ...events(1, 1, { properties: { n: 1 } }));
    await abortAllDurableObjects();
    d1.release();
    await runDurableObjectAlarm(userLog(user));
    await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ revision: 2 }]), soon);
  });
});
