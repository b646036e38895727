import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS } from "../../src/limits.ts";
import { countPending } from "../../src/user/outbox.ts";
import { holdD1, watchD1 } from "../d1-faults.ts";
import { newUser, rowsOf, tracked, userLog } from "../tracklog.ts";

/** So many different events in the order of their time, the first being number `from`. */
function events(count: number, from = 1, properties: object = {}) {
  return Array.from({ length: count }, (_, i) => tracked({ timestamp: 1_700_000_000_000 + from + i, properties }));
}

/** A new user's log. Alarms fire by themselves, too, 250 ms after a record; nothing here depends on which comes first. */
function newLog() {
  const user = newUser();
  return { user, log: userLog(user) };
}

const soon = { timeout: 5_000 };

// More at once than a user may send: it is the shipping that is tested here.
env.RATE_LIMIT_BURST_EVENTS = "100000";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("while a flush awaits D1", () => {
  it.for(["before", "after"] as const)(
    "an event that is recorded is not marked as sent (%s D1 has the first)",
    async (moment, { expect }) => {
      const { user, log } = newLog();
      const d1 = holdD1(moment);
      await log.record(events(1), null);
      await d1.reached();
      await log.record(events(50, 2), null);
      d1.release();

      await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(51), soon);
      expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual(Array.from({ length: 51 }, (_, i) => i + 1));
    },
  );

  it.for(["before", "after"] as const)(
    "an update of the very event on its way reaches D1, too (%s)",
    async (moment, { expect }) => {
      const { user, log } = newLog();
      const d1 = holdD1(moment);
      await log.record([tracked({ properties: { plan: "free" } })], null);
      await d1.reached();
      await log.record([tracked({ properties: { plan: "pro" } })], null);
      d1.release();

      await vi.waitFor(async () => expect(await rowsOf(user)).toMatchObject([{ seq: 1, revision: 2 }]), soon);
      expect(await rowsOf(user)).toMatchObject([{ properties: '{"plan":"pro"}' }]);
    },
  );

  it("an update of an update on its way reaches D1, too", async ({ expect }) => {
    const { user, log } = newLog();
    await log.record([tracked({ properties: { n: 1 } })], null);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon);
    const d1 = holdD1("before");
    await log.record([tracked({ properties: { n: 2 } })], null);
    await d1.reached();
    await log.record([tracked({ properties: { n: 3 } })], null);
    d1.release();
    await vi.waitFor(
      async () => expect(await rowsOf(user)).toMatchObject([{ revision: 3, properties: '{"n":3}' }]),
      soon,
    );
  });

  it("the log answers at once: neither a record nor a read waits for D1", async ({ expect }) => {
    const { log } = newLog();
    const d1 = holdD1("before");
    await log.record(events(1), null);
    await d1.reached();
    expect(await log.record(events(1, 2), null)).toMatchObject({ recorded: [{ status: "created", seq: 2 }] });
    expect((await log.timeline({ order: "asc", limit: 10 }))!.events).toHaveLength(2);
    d1.release(); // only now
  });
});

describe("what is shipped", () => {
  it("is nothing twice: a log that D1 has whole sends no statement", async ({ expect }) => {
    const { user, log } = newLog();
    await log.record(events(3), null);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(3), soon);
    await vi.waitFor(async () => expect(await pendingIn(log)).toBe(0), soon);
    const d1 = watchD1();
    await log.record(events(3), null); // duplicates
    await runInDurableObject(log, (instance) => instance.alarm());
    expect(d1.parameters).toEqual([]);
    d1.restore();
  });

  it("is an update of what D1 has: revision, properties and context", async ({ expect }) => {
    const { user, log } = newLog();
    await log.record(events(3, 1, { a: 1 }), null);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(3), soon);
    const [before] = await rowsOf(user);
    await log.record([tracked({ timestamp: 1_700_000_000_001, properties: { b: 2 }, context: { c: 3 } })], null);
    await vi.waitFor(async () => expect((await rowsOf(user))[0]).toMatchObject({ seq: 1, revision: 2 }), soon);
    const [after] = await rowsOf(user);
    const position = after!["position"] as number;
    expect(after).toEqual({ ...before, position, revision: 2, properties: '{"a":1,"b":2}', context: '{"c":3}' });
    expect(position).toBeGreaterThan(before!["position"] as number); // so that a reader of the feed meets it again
  });

  it("is the same as what the log has, column by column", async ({ expect }) => {
    const { user, log } = newLog();
    const event = tracked({ event: "é'\"\\", messageId: "m😀", properties: { a: "\ud800\0" }, context: { b: [1e21] } });
    await log.record([event], "a key");
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon);
    const [row] = await rowsOf(user);
    const { position, user_id, generation, ...columns } = row!;
    expect((await log.timeline({ order: "asc", limit: 1 }))!.events).toEqual([columns]);
    expect({ position: typeof position, user_id, generation }).toEqual({
      position: "number",
      user_id: user,
      generation: columns["received_at"], // the log was begun by this event
    });
    expect(columns).toMatchObject({ source: "a key", message_id: "m😀", properties: event.properties });
  });

  it("goes in more than one statement past 1,000 events, in the order of the log", async ({ expect }) => {
    const { user, log } = newLog();
    const d1 = watchD1();
    await log.record(events(2_500), null);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2_500), { timeout: 10_000 });
    expect(d1.parameters.map((parameter) => (JSON.parse(parameter) as unknown[]).length)).toEqual([1_000, 1_000, 500]);
    expect(MAX_STATEMENT_EVENTS).toBe(1_000);
    d1.restore();
    const rows = await rowsOf(user);
    expect(rows.map(({ seq }) => seq as number)).toEqual(rows.map((_, i) => i + 1));
    expect(rows.every((row, i) => i === 0 || row["position"] > rows[i - 1]!["position"])).toBe(true);
  });

  it("goes in more than one statement past 1 MB, in bytes of UTF-8", async ({ expect }) => {
    const { user, log } = newLog();
    const d1 = watchD1();
    await log.record(events(40, 1, { text: "漢".repeat(20_000) }), null); // 60 KB each
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(40), { timeout: 10_000 });
    const sizes = d1.parameters.map((parameter) => new TextEncoder().encode(parameter).length);
    d1.restore();
    expect(sizes).toHaveLength(3);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(MAX_STATEMENT_BYTES);
    expect(sizes[0]).toBeGreaterThan(MAX_STATEMENT_BYTES - 61_000); // and no more of them than it takes
  });

  it("is also an event that is larger than a statement's share", async ({ expect }) => {
    const { user, log } = newLog();
    await log.record(events(3, 1, { text: '"'.repeat(600_000) }), null); // each quote is escaped twice over
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(3), { timeout: 10_000 });
  });

  it("takes updates and new events that wait together, past a statement's bound", async ({ expect }) => {
    const { user, log } = newLog();
    await log.record(events(1_500), null);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1_500), { timeout: 10_000 });
    await log.record([...events(1_500, 1, { a: 1 }), ...events(800, 1_501)], null);
    await vi.waitFor(async () => expect(await pendingIn(log)).toBe(0), { timeout: 10_000 });
    const rows = await rowsOf(user);
    expect(rows.map(({ seq, revision }) => [seq, revision])).toEqual(
      Array.from({ length: 2_300 }, (_, i) => [i + 1, i < 1_500 ? 2 : 1]),
    );
  });
});

describe("the alarm", () => {
  it("is set by an event and not pushed away by the next", async ({ expect }) => {
    const { log } = newLog();
    await log.record(events(1), null);
    const alarm = await alarmOf(log);
    expect(alarm).not.toBeNull();
    await log.record(events(1, 2), null);
    expect([alarm, null]).toContain(await alarmOf(log)); // null where it has fired meanwhile
  });

  it("is set again by a new event where it went missing", async ({ expect }) => {
    const { user, log } = newLog();
    await runInDurableObject(log, async (instance, { storage }) => {
      await instance.record(events(1), null);
      await storage.deleteAlarm();
    });
    expect(await runDurableObjectAlarm(log)).toBe(false); // there is none
    await log.record(events(1, 2), null);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), soon);
  });

  it("is set again by a new event where it is overdue and will not fire any more", async ({ expect }) => {
    const { log } = newLog();
    await runInDurableObject(log, async (instance, { storage }) => {
      vi.spyOn(storage, "getAlarm").mockResolvedValue(Date.now() - 61_000);
      const setAlarm = vi.spyOn(storage, "setAlarm");
      await instance.record(events(1), null);
      expect(setAlarm).toHaveBeenCalledOnce();
    });
  });

  it("is not set where nothing is to be shipped", async ({ expect }) => {
    const { user, log } = newLog();
    await log.record(events(1), null);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon);
    await vi.waitFor(async () => expect(await pendingIn(log)).toBe(0), soon);
    await log.record(events(1), null); // a duplicate
    expect(await alarmOf(log)).toBeNull();
  });
});

function alarmOf(log: ReturnType<typeof userLog>): Promise<number | null> {
  return runInDurableObject(log, (_, { storage }) => storage.getAlarm());
}

/** What the log takes to be missing in D1. */
function pendingIn(log: ReturnType<typeof userLog>): Promise<number> {
  return runInDurableObject(log, (_, { storage }) => countPending(storage));
}
