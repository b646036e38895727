import { runInDurableObject } from "cloudflare:test";
import * as fc from "fast-check";
import { describe, it, vi } from "vitest";
import type { TrackedEvent } from "../../src/event/contract.ts";
import type { StoredEvent } from "../../src/event/stored-event.ts";
import { MAX_SCANNED_EVENTS } from "../../src/limits.ts";
import type { LogState } from "../../src/user/stored-values.ts";
import { readSummary } from "../../src/user/summary.ts";
import { readTimeline, type TimelinePage, type TimelineQuery } from "../../src/user/timeline.ts";
import { newUser, tracked, userLog } from "../tracklog.ts";

const T0 = 1_700_000_000_000;

/** A state with a table. Nothing else in it matters to a page. */
const STATE = { headSeq: 0, headTimestamp: 0, profile: {} } as LogState;

/** Reads pages until there is no next one. `between` is called after each. */
async function readAll(
  user: string,
  query: TimelineQuery,
  between: (page: TimelinePage) => Promise<unknown> = async () => {},
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = [];
  for (let after = query.after; ;) {
    const page = (await userLog(user).timeline({ ...query, ...(after && { after }) }))!;
    expectProgress(page, after);
    events.push(...page.events);
    if (!page.next) return events;
    after = page.next;
    await between(page);
  }
}

function expectProgress(page: TimelinePage, after: TimelineQuery["after"]) {
  if (after && page.next && JSON.stringify(page.next) === JSON.stringify(after))
    throw new Error("A page led to itself");
}

/** Begins a log and fills it, faster than requests could, with `count` events named by their number modulo 1,000. */
async function fill(user: string, count: number, timestampOf: string) {
  const first = [1, 2].map((n) => tracked({ userId: user, event: `${n}`, timestamp: T0, messageId: `${n}` }));
  await userLog(user).record(first, null);
  await runInDurableObject(userLog(user), (_, { storage }) => {
    storage.sql.exec(
      `INSERT INTO events
       WITH RECURSIVE numbers(n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
       SELECT ${T0} + ${timestampOf}, n % 1000, n, n, 1, '{"email":"a@b.c"}', '{}', 0, NULL, NULL, NULL FROM numbers`,
      count,
    );
  });
}

/** Calls a function with the object's storage, and counts the rows that are read meanwhile. */
function rowsReadBy<T>(user: string, read: (storage: DurableObjectStorage) => T): Promise<{ value: T; rows: number }> {
  return runInDurableObject(userLog(user), (_, { storage }) => {
    const exec = vi.spyOn(storage.sql, "exec");
    const value = read(storage);
    const rows = exec.mock.results.reduce((sum, result) => sum + (result.value as { rowsRead: number }).rowsRead, 0);
    exec.mockRestore();
    return { value, rows };
  });
}

describe("a page's boundary", () => {
  it.for(["asc", "desc"] as const)("may be between events of the same time, %s", async (order, { expect }) => {
    const user = newUser();
    const times = [0, 1, 1, 1, 1, 1, 2, 1];
    const events = times.map((time, i) => tracked({ userId: user, event: `e${i + 1}`, timestamp: T0 + time }));
    await userLog(user).record(events, null);
    const ascending = [1, 2, 3, 4, 5, 6, 8, 7];
    for (const limit of [1, 2, 3, 4, 5, 7]) {
      const seqs = (await readAll(user, { order, limit })).map(({ seq }) => seq);
      expect(seqs).toEqual(order === "asc" ? ascending : ascending.toReversed());
    }
  });
});

describe("a cursor", () => {
  it.for(["asc", "desc"] as const)("stays where it is while events arrive, %s", async (order, { expect }) => {
    const user = newUser();
    const at = (time: number) => tracked({ userId: user, event: crypto.randomUUID(), timestamp: T0 + time });
    await userLog(user).record([0, 10, 10, 20, 30, 30, 40].map(at), null);
    // These are before, at and after the cursor. None of them may move the events that are there.
    const seqs = (
      await readAll(user, { order, limit: 2 }, async ({ next }) => {
        if ((await userLog(user).summary())!.events > 60) return;
        await userLog(user).record([-5, next!.timestamp - T0, 35, 50].map(at), null);
      })
    ).map(({ seq }) => seq);
    expect(new Set(seqs).size).toBe(seqs.length); // none is repeated
    expect(seqs.filter((seq) => seq <= 7)).toEqual(order === "asc" ? [1, 2, 3, 4, 5, 6, 7] : [7, 6, 5, 4, 3, 2, 1]);
  });
});

describe("G3, G5: any sequence of pages", () => {
  const time = fc.integer({ min: 0, max: 6 });
  const event = fc.record({ event: fc.constantFrom("a", "b", "c"), time });
  const query = fc.record({
    order: fc.constantFrom("asc" as const, "desc" as const),
    limit: fc.integer({ min: 1, max: 5 }),
    from: fc.option(time, { nil: undefined }),
    to: fc.option(time, { nil: undefined }),
    event: fc.option(fc.constantFrom("a", "z"), { nil: undefined }),
  });

  it("has the whole timeline, filtered", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 30 }),
        fc.array(query, { minLength: 1, maxLength: 6 }),
        async (sent, queries) => {
          const user = newUser();
          const events: TrackedEvent[] = sent.map((one, i) =>
            tracked({ userId: user, event: one.event, timestamp: T0 + one.time, messageId: `${i}` }),
          );
          await userLog(user).record(events, null);
          const stored = events.map((one, i) => ({ ...one, seq: i + 1 }));
          for (const { from, to, ...rest } of queries) {
            const wanted = stored
              .filter(({ timestamp }) => timestamp >= T0 + (from ?? 0) && timestamp < T0 + (to ?? 99))
              .filter((one) => rest.event === undefined || one.event === rest.event)
              .sort((a, b) => a.timestamp - b.timestamp || a.seq - b.seq)
              .map(({ seq }) => seq);
            const range = { from: from === undefined ? from : T0 + from, to: to === undefined ? to : T0 + to };
            const read = await readAll(user, { ...rest, ...range });
            expect(read.map(({ seq }) => seq)).toEqual(rest.order === "asc" ? wanted : wanted.toReversed());
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("out of 200,000 events", () => {
  it("a page reads about as many rows as it has events, at any place and in both orders", async ({ expect }) => {
    const user = newUser();
    await fill(user, 200_000, "n / 3");
    const middle = { timestamp: T0 + 33_333, seq: 100_000 };
    const queries: Partial<TimelineQuery>[] = [
      {},
      { after: middle },
      { from: T0 + 20_000 },
      { to: T0 + 40_000 },
      { from: T0 + 20_000, to: T0 + 40_000, after: middle },
      { after: { timestamp: T0 + 66_666, seq: 199_990 } },
      { after: { timestamp: T0, seq: 2 } },
      { from: T0 + 66_000, after: middle },
    ];
    for (const order of ["asc", "desc"] as const)
      for (const query of queries) {
        const { rows } = await rowsReadBy(user, ({ sql }) => readTimeline(sql, STATE, { order, limit: 100, ...query }));
        expect(rows, `${order} ${JSON.stringify(query)}`).toBeLessThan(350); // for the index, the row and the sorting of equal times
      }
  });

  it("a filtered page reads a bounded number of events, and its cursor continues from there", async ({ expect }) => {
    const user = newUser();
    await fill(user, 50_000, "n / 3");
    for (const order of ["asc", "desc"] as const) {
      const rare = { order, limit: 20, event: "7" };
      const { value, rows } = await rowsReadBy(user, ({ sql }) => readTimeline(sql, STATE, rare));
      expect(rows).toBeLessThan(5 * MAX_SCANNED_EVENTS);
      expect(value.events).toHaveLength(10); // one event in a thousand, so the page is short
      const seqs = (await readAll(user, rare)).map(({ seq }) => seq);
      const all = Array.from({ length: 50 }, (_, i) => i * 1000 + 7);
      expect(seqs).toEqual(order === "asc" ? all : all.toReversed());

      const full = await rowsReadBy(user, ({ sql }) => readTimeline(sql, STATE, { ...rare, limit: 1 }));
      expect(full.rows).toBeLessThan(6_000); // no more than the page needs
      expect((await readAll(user, { ...rare, event: "no such" })).length).toBe(0); // there are empty pages, and then the end
    }
  });

  it("a summary reads as few rows as for ten events", async ({ expect }) => {
    const costs = [];
    for (const count of [10, 100_000]) {
      const user = newUser();
      await fill(user, count, "n");
      const { value, rows } = await rowsReadBy(user, ({ sql }) => readSummary(sql, STATE, 0, 0));
      expect(value).toMatchObject({ firstSeen: T0 });
      costs.push(rows);
    }
    expect(costs[0]).toBe(costs[1]);
    expect(costs[0]).toBeLessThan(10);
  });
});
