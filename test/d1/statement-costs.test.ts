import { env } from "cloudflare:workers";
import { beforeEach, describe, it } from "vitest";
import { encodeEventRow } from "../../src/d1/event-row.ts";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { readFeed } from "../../src/d1/read-feed.ts";
import { removeExpired } from "../../src/d1/remove-expired.ts";
import { FEED_WINDOW_KEYS, RETENTION_CHUNK_ROWS } from "../../src/limits.ts";
import { newUser } from "../tracklog.ts";
import { emptyD1, eventRow, insertInto, seedD1, watched } from "./events-in-d1.ts";

const SEEDED = 30_000;
const PAGE = { order: "asc", limit: 100, bytes: 1_000_000 } as const;

beforeEach(() => emptyD1(env.DB));

/** The costs that D1 reported for everything that was done through the given database. */
async function costOf(work: (database: D1Database) => Promise<unknown>) {
  const { database, statements } = watched(env.DB);
  await work(database);
  const sum = (what: "read" | "written") => statements.reduce((total, statement) => total + statement[what], 0);
  return { read: sum("read"), written: sum("written"), statements };
}

describe("a statement to D1", () => {
  it("never scans a table, whichever statement it is", async ({ expect }) => {
    const { statements } = await costOf(async (database) => {
      await insertInto(database, {}, { seq: 2 });
      for (const order of ["asc", "desc"] as const) await readFeed(database, [1, 1], { ...PAGE, order });
      await eraseEvents(database, "user123", 1, [[1_700_000_000_000, 1]], 5);
      const cutoffs = { expired: 10, cold: 20, tombstones: 10 };
      await removeExpired(database, cutoffs, { statements: 10, until: Infinity }, () => 1);
    });
    const plans = new Map<string, string[]>();
    for (const { sql } of statements) {
      const parameters = Math.max(0, ...(sql.match(/(?<=\?)\d/g) ?? []).map(Number));
      const explained = env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`).bind(...Array<string>(parameters).fill("[]"));
      plans.set(
        sql,
        (await explained.all<{ detail: string }>()).results.map(({ detail }) => detail),
      );
    }
    expect(plans.size).toBe(18);
    for (const [sql, steps] of plans) {
      const scans = steps.filter((step) => /^SCAN (events|feed|erased|known)\b/.test(step));
      // The oldest rows of the feed are read in its order, and only as many as fit the chunk.
      expect(scans).toEqual(sql.startsWith("DELETE FROM feed") ? ["SCAN feed"] : []);
    }
  });

  it("writes one row per event and one for the feed, and reads no other user's rows", async ({ expect }) => {
    await seedD1(SEEDED, newUser());
    const rows = Array.from({ length: 1_000 }, (_, i) => encodeEventRow(eventRow({ seq: i + 1, timestamp: i * 20 })));
    const first = await costOf((database) => insertEvents(database, rows, 0, 1));
    expect(first.written).toBe(1_001);
    expect(first.read).toBeLessThan(6_000);

    const again = await costOf((database) => insertEvents(database, rows, 0, 1));
    expect(again.written).toBe(0);
    expect(again.read).toBeLessThan(6_000);
  });

  it("erases events by their keys, and writes only three more rows and two for each hour", async ({ expect }) => {
    const user = newUser();
    await seedD1(SEEDED, user);
    const keys = Array.from({ length: 2_000 }, (_, i): [number, number] => [i + 1, i + 1]);
    const { read, written } = await costOf((database) => eraseEvents(database, user, 1, keys, 5));
    expect(written).toBeLessThanOrEqual(2_005);
    expect(read).toBeLessThan(13_000);
    expect(await env.DB.prepare("SELECT count(*) AS n FROM events").first("n")).toBe(SEEDED - 2_000);
  });

  it("reads a few rows per line for a page of the feed, wherever it is", async ({ expect }) => {
    await seedD1(SEEDED, newUser());
    for (const place of [0, 30, 58])
      for (const order of ["asc", "desc"] as const)
        expect((await costOf((database) => readFeed(database, [place, 7], { ...PAGE, order }))).read).toBeLessThan(
          1_500,
        );
    const atItsEnd = await costOf((database) => readFeed(database, [61, 0], PAGE));
    expect(atItsEnd.read).toBeLessThan(10);
  });

  it("reads little more if each statement has one event, and a bounded part for a filter", async ({ expect }) => {
    await seedD1(SEEDED, newUser(), 1);
    const search = await costOf((database) => readFeed(database, [10_000, 1], { ...PAGE, event: "rare" }));
    expect(search.read).toBeLessThan(9 * FEED_WINDOW_KEYS);
    expect((await costOf((database) => readFeed(database, [10_000, 1], PAGE))).read).toBeLessThan(2_000);
  });

  it("reads a bounded part of the feed for a filter, even if nothing passes it", async ({ expect }) => {
    await seedD1(SEEDED, newUser());
    for (const filter of [{ event: "rare" }, { user_id: "nobody" }])
      for (const order of ["asc", "desc"] as const) {
        const { read } = await costOf((database) => readFeed(database, [30, 0], { ...PAGE, ...filter, order }));
        expect(read).toBeLessThan(4 * FEED_WINDOW_KEYS);
      }
    // If many events pass, the search ends early.
    expect((await costOf((database) => readFeed(database, [0, 0], { ...PAGE, event: "e1" }))).read).toBeLessThan(2_000);
  });

  it("deletes at most a chunk, and reads little more than that", async ({ expect }) => {
    await seedD1(SEEDED, newUser());
    const { statements } = await costOf((database) =>
      removeExpired(
        database,
        { expired: SEEDED * 2, cold: 0, tombstones: 0 },
        { statements: 5, until: Infinity },
        () => 1,
      ),
    );
    for (const { read, written } of statements) {
      expect(written).toBeLessThanOrEqual(RETENTION_CHUNK_ROWS);
      expect(read).toBeLessThanOrEqual(4 * RETENTION_CHUNK_ROWS);
    }
    expect(await env.DB.prepare("SELECT count(*) AS n FROM events").first("n")).toBe(SEEDED - 2 * RETENTION_CHUNK_ROWS);
  });
});
