import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeEach, describe, it, vi } from "vitest";
import { removeHotRows } from "../../src/archive/hot-rows.ts";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import type { EventRow } from "../../src/d1/event-row.ts";
import { removeExpired } from "../../src/d1/remove-expired.ts";
import { rollUpDatabase } from "../../src/stats/roll-up.ts";
import { eventRow, insertInto } from "../d1/events-in-d1.ts";
import { crashingAt, emptyCounters } from "./counters-in-d1.ts";

// The feed is read a few keys at a time, so that the steps of roll-ups interleave.
vi.mock("../../src/limits.ts", async (original) => ({ ...(await original<object>()), ROLLUP_WINDOW_KEYS: 3 }));

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 10);
/** A time when all hours are over, in the minutes in which days are counted as well. */
const LATER = START + 30 * 24 * HOUR;

beforeEach(() => emptyCounters(env.DB));

function rollUp(statements = 10_000, now = LATER, database = env.DB) {
  return rollUpDatabase(database, { statements, until: Infinity }, () => now);
}

async function all(sql: string): Promise<unknown[]> {
  return (await env.DB.prepare(sql).all()).results;
}

const counters = () => all("SELECT hour, event, source, events, users FROM hourly ORDER BY hour, event, source");
const fromScratch = () =>
  all(`SELECT timestamp - timestamp % ${HOUR} AS hour, event, coalesce(source, '') AS source, count(*) AS events,
    count(DISTINCT user_id) AS users FROM events GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`);
const days = () => all("SELECT day, users FROM daily ORDER BY day");
const daysFromScratch = () =>
  all(`SELECT timestamp - timestamp % ${24 * HOUR} AS day, count(DISTINCT user_id) AS users
    FROM events GROUP BY 1 ORDER BY 1`);

type Step =
  | { kind: "insert"; user: number; hour: number; event: number; source: number; count: number }
  | { kind: "update" | "replay"; which: number }
  | { kind: "erase"; user: number }
  | { kind: "roll up"; statements: number; hour: number }
  | { kind: "crash"; after: number; isLost: boolean }
  | { kind: "two at once" };

const natural = (max: number) => fc.nat({ max });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("insert" as const),
      user: natural(4),
      hour: natural(50),
      event: natural(2),
      source: natural(1),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("update" as const, "replay" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("erase" as const), user: natural(4) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("roll up" as const),
      statements: fc.integer({ min: 5, max: 40 }),
      hour: natural(60),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("crash" as const), after: natural(6), isLost: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "two at once" } as const) },
);

/** The part of the users' logs that D1 is told. */
class Logs {
  readonly rows: EventRow[] = [];
  readonly #generations = new Map<number, number>();
  #seq = 0;

  add(user: number, hour: number, event: number, source: number, count: number): EventRow[] {
    const added = Array.from({ length: count }, (_, i) =>
      eventRow({
        user_id: `user-${user}`,
        generation: this.#generations.get(user) ?? user,
        seq: ++this.#seq,
        event: "abc"[event]!,
        source: source === 0 ? null : "site",
        timestamp: START + hour * HOUR + i * 1_000,
      }),
    );
    this.rows.push(...added);
    return added;
  }

  erase(user: number): { generation: number; keys: [number, number][] } {
    const generation = this.#generations.get(user) ?? user;
    this.#generations.set(user, generation + 100);
    const erased = this.rows.filter((row) => row.generation === generation);
    return { generation, keys: erased.map(({ timestamp, seq }) => [timestamp, seq]) };
  }
}

async function run(step: Step, logs: Logs): Promise<void> {
  const known = logs.rows[("which" in step ? step.which : 0) % (logs.rows.length || 1)];
  switch (step.kind) {
    case "insert":
      return insertInto(env.DB, ...logs.add(step.user, step.hour, step.event, step.source, step.count));
    case "update":
      if (known) await insertInto(env.DB, Object.assign(known, { revision: known.revision + 1 }));
      return;
    case "replay":
      if (known) await insertInto(env.DB, { ...known, revision: 1 }, known);
      return;
    case "erase": {
      const { generation, keys } = logs.erase(step.user);
      return eraseEvents(env.DB, `user-${step.user}`, generation, keys, START);
    }
    case "roll up":
      return rollUp(step.statements, START + step.hour * HOUR);
    case "crash":
      return rollUp(100, LATER, crashingAt(env.DB, step.after, step.isLost)).catch(() => {});
    case "two at once":
      await Promise.all([rollUp(25), rollUp(35)]);
  }
}

describe("the roll-up", () => {
  it("gives the same counts as counting from scratch, whatever arrived late, again, updated or erased, and whatever crashed", async ({
    expect,
  }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 25 }), async (steps) => {
        await emptyCounters(env.DB);
        const logs = new Logs();
        for (const step of steps) await run(step, logs);
        await rollUp();
        expect(await counters()).toEqual(await fromScratch());
        expect(await days()).toEqual(await daysFromScratch());
        expect(await all("SELECT hour FROM stale_hours UNION ALL SELECT day FROM stale_days")).toEqual([]);
      }),
      { seed: 12, numRuns: 60 },
    );
  });

  it("counts an hour only when it is over", async ({ expect }) => {
    const logs = new Logs();
    await insertInto(env.DB, ...logs.add(1, 0, 0, 0, 2), ...logs.add(1, 1, 0, 0, 1));
    await rollUp(100, START + 1.5 * HOUR);
    expect(await counters()).toMatchObject([{ hour: START, events: 2 }]);
    await rollUp(100, START + 2 * HOUR);
    expect(await counters()).toMatchObject([{ hour: START }, { hour: START + HOUR, events: 1 }]);
  });

  it("writes nothing if nothing has arrived", async ({ expect }) => {
    await insertInto(env.DB, ...new Logs().add(1, 0, 0, 0, 3));
    await rollUp();
    const before = await all("SELECT * FROM rollup");
    const { database, batches } = crashingAt(env.DB, Infinity, false).seen();
    await rollUp(100, LATER, database);
    expect(batches.flat().reduce((sum, { meta }) => sum + meta.rows_written, 0)).toBe(0);
    expect(await all("SELECT * FROM rollup")).toEqual(before);
  });

  it.for(["the archive", "retention"])(
    "keeps the counts of events that have left because of %s",
    async (reason, { expect }) => {
      const logs = new Logs();
      const old = [...logs.add(1, 0, 0, 0, 2), ...logs.add(2, 0, 0, 0, 1), ...logs.add(2, 1, 1, 1, 1)];
      await insertInto(env.DB, ...old);
      await rollUp();
      const before = await counters();
      await (reason === "retention"
        ? removeExpired(
            env.DB,
            { expired: START + 2 * HOUR, cold: 0, tombstones: 0 },
            { statements: 9, until: Infinity },
            () => LATER,
          )
        : removeHotRows(env.DB, old));
      expect(await all("SELECT 1 FROM events")).toEqual([]);
      await rollUp();
      expect(await counters()).toEqual(before);
      expect(await days()).toMatchObject([{ users: 2 }]);
    },
  );

  it("adds a late event once to an hour that has left D1, and adds no update of an archived event", async ({
    expect,
  }) => {
    const logs = new Logs();
    const old = logs.add(1, 0, 0, 0, 2);
    await insertInto(env.DB, ...old);
    await rollUp();
    await removeHotRows(env.DB, old);
    const late = logs.add(1, 0, 0, 0, 1);
    await insertInto(env.DB, ...late);
    await insertInto(env.DB, { ...late[0]!, revision: 2 }, { ...old[0]!, revision: 2 });
    await insertInto(env.DB, ...late);
    await rollUp(10);
    await rollUp();
    expect(await counters()).toMatchObject([{ hour: START, event: "a", events: 3, users: 1 }]);
  });

  it("keeps the counts of an hour that has left D1 after an erasure, because there are only numbers", async ({
    expect,
  }) => {
    const logs = new Logs();
    const old = logs.add(1, 0, 0, 0, 2);
    await insertInto(env.DB, ...old);
    await rollUp();
    await removeHotRows(env.DB, old);
    const { generation, keys } = logs.erase(1);
    await eraseEvents(env.DB, "user-1", generation, keys, START);
    await rollUp();
    expect(await counters()).toMatchObject([{ events: 2 }]);
  });

  it("counts the events of names beyond the bound under one empty name", async ({ expect }) => {
    const names = Array.from({ length: 2_100 }, (_, i) => `name ${i % 2_050}`);
    const rows = names.map((event, i) => ({ event, seq: i + 1, timestamp: START, user_id: `u${i}` }));
    for (let i = 0; i < rows.length; i += 700) await insertInto(env.DB, ...rows.slice(i, i + 700));
    await rollUp();
    expect(await all("SELECT count(*) AS names, sum(events) AS events FROM hourly")).toEqual([
      { names: 2_001, events: 2_100 },
    ]);
    expect(await all("SELECT events FROM hourly WHERE event = ''")).toEqual([{ events: 50 }]);
  });

  it("deletes counters after the time for which they are kept", async ({ expect }) => {
    await insertInto(env.DB, ...new Logs().add(1, 0, 0, 0, 1));
    await rollUp();
    await rollUp(100, START + 402 * 24 * HOUR);
    expect(await counters()).toEqual([]);
    expect(await days()).toEqual([]);
  });
});
