import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeEach, describe, it } from "vitest";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import { encodeEventRow, type EventRow } from "../../src/d1/event-row.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { type FeedCursor, type FeedFilter, type FeedPage, type FeedRow, readFeed } from "../../src/d1/read-feed.ts";
import { MAX_PAGE_BYTES } from "../../src/limits.ts";
import { newUser } from "../tracklog.ts";

const ONE = [{ name: "DB", database: env.DB }];
const TWO = [...ONE, { name: "DB_1", database: env.SECOND_DB }];

// These tests are about the whole of D1, so each begins with an empty one.
beforeEach(async () => {
  for (const { database } of TWO)
    await database.batch(
      ["DELETE FROM events", "UPDATE feed_floor SET position = 0"].map((sql) => database.prepare(sql)),
    );
});

function row(changes: Partial<EventRow>): string {
  return encodeEventRow({
    user_id: "user123",
    generation: 1,
    seq: 1,
    revision: 1,
    event: "e",
    timestamp: 1,
    message_id: null,
    properties: "{}",
    context: "{}",
    received_at: 1,
    source: null,
    ...changes,
  });
}

/** Reads page after page until there is no more. */
async function follow(databases: typeof ONE, limit: number, after: FeedCursor = {}, filter: FeedFilter = {}) {
  const pages: FeedPage[] = [];
  do pages.push(await readFeed(databases, pages.at(-1)?.next ?? after, filter, limit));
  while (pages.at(-1)!.more);
  return { pages, rows: pages.flatMap(({ rows }) => rows), next: pages.at(-1)!.next };
}

function idsOf(rows: FeedRow[]): string[] {
  return rows.map(({ user_id, seq, revision }) => `${user_id}.${seq}.${revision}`);
}

const seqsOf = (rows: FeedRow[]) => rows.map(({ seq }) => seq);

describe("the feed", () => {
  it("is in the order of arrival, over any pages", async ({ expect }) => {
    await insertEvents(
      env.DB,
      [3, 1, 2].map((seq) => row({ seq, timestamp: 10 - seq })),
    );
    await insertEvents(
      env.DB,
      [5, 4].map((seq) => row({ seq })),
    );
    for (const limit of [1, 2, 3, 5, 9]) {
      const { rows, pages } = await follow(ONE, limit);
      expect(seqsOf(rows)).toEqual([3, 1, 2, 5, 4]);
      expect(pages).toHaveLength(Math.ceil(5 / limit));
    }
  });

  it("shows an update again, as its new revision, to whoever has read the old one", async ({ expect }) => {
    await insertEvents(env.DB, [row({ seq: 1 }), row({ seq: 2 })]);
    const { next } = await follow(ONE, 10);
    await insertEvents(env.DB, [row({ seq: 1, revision: 2 }), row({ seq: 3 })]);
    expect(idsOf((await follow(ONE, 10, next)).rows)).toEqual(["user123.1.2", "user123.3.1"]);
    expect(idsOf((await follow(ONE, 10)).rows)).toEqual(["user123.2.1", "user123.1.2", "user123.3.1"]);
  });

  it("does not show again what was only sent again", async ({ expect }) => {
    await insertEvents(env.DB, [row({ seq: 1, revision: 2 })]);
    const { next } = await follow(ONE, 10);
    await insertEvents(env.DB, [row({ seq: 1, revision: 2 })]);
    await insertEvents(env.DB, [row({ seq: 1, revision: 1 })]);
    expect((await follow(ONE, 10, next)).rows).toEqual([]);
  });

  it("filters, and its cursor passes over what the filter leaves out", async ({ expect }) => {
    const rows = ["a", "b", "a", "b"].map((event, i) => row({ seq: i + 1, event, user_id: i < 2 ? "u1" : "u2" }));
    await insertEvents(env.DB, rows);
    expect(seqsOf((await follow(ONE, 1, {}, { event: "a" })).rows)).toEqual([1, 3]);
    expect(seqsOf((await follow(ONE, 1, {}, { user_id: "u2" })).rows)).toEqual([3, 4]);
    expect(seqsOf((await follow(ONE, 1, {}, { event: "b", user_id: "u2" })).rows)).toEqual([4]);
    const none = await follow(ONE, 1, {}, { event: "c" });
    expect(none.rows).toEqual([]);
    expect(none.next).toEqual({ DB: 4 });
  });

  it("misses nothing when the newest rows were removed before the next came", async ({ expect }) => {
    const user = newUser();
    await insertEvents(env.DB, [row({ seq: 1 }), row({ seq: 2, user_id: user }), row({ seq: 3, user_id: user })]);
    const { next } = await follow(ONE, 10);
    await eraseEvents(env.DB, user, 1);
    await eraseEvents(env.DB, user, 1); // the repetition finds a lower maximum
    await insertEvents(env.DB, [row({ seq: 4 }), row({ seq: 5 })]);
    expect(seqsOf((await follow(ONE, 1, next)).rows)).toEqual([4, 5]);
  });

  it("ends a page early that would be too large, and goes on from there", async ({ expect }) => {
    const properties = JSON.stringify({ text: "x".repeat(500_000) });
    for (let seq = 1; seq <= 20; seq++) await insertEvents(env.DB, [row({ seq, properties })]);
    const { pages, rows } = await follow(ONE, 500);
    expect(seqsOf(rows)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(Math.max(...pages.map((page) => page.rows.length))).toBeLessThanOrEqual(MAX_PAGE_BYTES / 500_000 + 1);
  });

  it("reads about a page of rows, wherever it is", async ({ expect }) => {
    await env.DB.prepare(
      `INSERT INTO events WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
       SELECT n, 'u' || (n % 1000), 1, n, 1, 'e', n, NULL, '{}', '{}', n, NULL FROM numbers`,
    ).run();
    const rowsRead: number[] = [];
    const batch = env.DB.batch.bind(env.DB);
    const counting = Object.assign(Object.create(env.DB) as D1Database, {
      prepare: env.DB.prepare.bind(env.DB),
      batch: async (statements: D1PreparedStatement[]) => {
        const results = await batch<never>(statements);
        rowsRead.push(results.reduce((sum, { meta }) => sum + meta.rows_read, 0));
        return results;
      },
    });
    const databases = [{ name: "DB", database: counting }];
    for (const after of [0, 50_000, 99_900]) await readFeed(databases, { DB: after }, {}, 100);
    await readFeed(databases, { DB: 50_000 }, { user_id: "u7" }, 100);
    expect(Math.max(...rowsRead)).toBeLessThan(1_000);
  });
});

describe("the feed of several databases", () => {
  it("comes nearly in the order of receipt, each database in its own", async ({ expect }) => {
    await insertEvents(
      env.DB,
      [1, 4, 2].map((at) => row({ user_id: "a", seq: at, received_at: at })),
    );
    await insertEvents(
      env.SECOND_DB,
      [3, 5].map((at) => row({ user_id: "b", seq: at, received_at: at })),
    );
    for (const limit of [1, 2, 3, 10]) {
      const { rows, next } = await follow(TWO, limit);
      expect(seqsOf(rows)).toEqual([1, 3, 4, 2, 5]);
      expect(next).toEqual({ DB: 3, DB_1: 2 });
    }
  });

  it("takes in a database that was bound since, from its beginning", async ({ expect }) => {
    await insertEvents(env.DB, [row({ seq: 1 })]);
    const { next } = await follow(ONE, 10);
    await insertEvents(env.SECOND_DB, [row({ seq: 2 })]);
    expect(seqsOf((await follow(TWO, 10, next)).rows)).toEqual([2]);
  });

  it("neither misses nor repeats, whatever the pages and whenever the rows come", async ({ expect }) => {
    const step = fc.oneof(
      fc.record({
        shard: fc.nat(1),
        rows: fc.array(
          fc.record({ user: fc.nat(2), seq: fc.integer({ min: 1, max: 6 }), revision: fc.integer({ min: 1, max: 3 }) }),
          { minLength: 1, maxLength: 4 },
        ),
      }),
      fc.record({ read: fc.integer({ min: 1, max: 4 }), stopAt: fc.option(fc.nat(3), { nil: undefined }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
        const run = newUser();
        const read: FeedRow[] = [];
        const after = (await follow(TWO, 500)).next;
        let cursor = after;
        for (const one of steps)
          if ("read" in one) {
            const page = await readFeed(TWO, cursor, {}, one.read);
            // A reader of lines may break off anywhere, and goes on from the last line that it has.
            const cut = one.stopAt !== undefined && one.stopAt < page.rows.length ? one.stopAt : undefined;
            read.push(...page.rows.slice(0, cut === undefined ? undefined : cut + 1));
            cursor = cut === undefined ? page.next : page.cursors[cut]!;
          } else {
            const rows = one.rows.map(({ user, seq, revision }) =>
              row({ user_id: `${run}-${one.shard}-${user}`, seq, revision, received_at: seq }),
            );
            await insertEvents(TWO[one.shard]!.database, rows);
          }
        const rest = await follow(TWO, 3, cursor);
        const all = idsOf([...read, ...rest.rows]);
        expect(new Set(all).size).toBe(all.length); // none twice in one revision
        const latest = new Map([...read, ...rest.rows].map((one) => [`${one.user_id}.${one.seq}`, one.revision]));
        const stored = (await follow(TWO, 500, after)).rows.map(
          (one) => [`${one.user_id}.${one.seq}`, one.revision] as const,
        );
        expect(latest).toEqual(new Map(stored));
      }),
      { numRuns: 40 },
    );
  });
});
