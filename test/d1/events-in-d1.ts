import { env } from "cloudflare:workers";
import { encodeEventRow, type EventRow } from "../../src/d1/event-row.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { epochOf } from "../../src/d1/release-events.ts";

// Rows that the tests of D1 write directly, without users' logs.

/** A row with the given columns and defaults for the others. */
export function eventRow(changes: Partial<EventRow> = {}): EventRow {
  return {
    user_id: "user123",
    generation: 1,
    seq: 1,
    revision: 1,
    event: "e",
    timestamp: 1_700_000_000_000,
    message_id: null,
    properties: "{}",
    context: "{}",
    received_at: 1_700_000_000_000,
    source: null,
    ...changes,
  };
}

/** Inserts rows as one statement of the writer. */
export async function insertInto(database: D1Database, ...rows: Partial<EventRow>[]): Promise<void> {
  const encoded = rows.map((row) => encodeEventRow(eventRow(row)));
  await insertEvents(database, encoded, 0, 1_700_000_000_000, { epoch: await epochOf(database) });
}

/** Fills D1 at once with events of one user and a feed whose statements have this many keys each. */
export async function seedD1(count: number, userId: string, keysPerStatement = 500): Promise<void> {
  const numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)";
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO events (timestamp, generation, seq, user_id, revision, event, properties, context, received_at, written_at)
       ${numbers} SELECT n, 1, n, ?2, 1, 'e' || (n % 2), '{"n":' || n || '}', '{}', n, n FROM numbers`,
    ).bind(count, userId),
    env.DB.prepare(
      `INSERT INTO feed (written_at, events, keys)
       ${numbers} SELECT min(n), count(*), json_group_array(json_array(n, 1, n, 1) ORDER BY n)
       FROM numbers GROUP BY (n - 1) / CAST(?2 AS INTEGER) ORDER BY 1`,
    ).bind(count, keysPerStatement),
  ]);
}

/** The incarnation that a cursor of the feed must name. */
export async function lifeOf(database: D1Database): Promise<string> {
  return (await database.prepare("SELECT name FROM incarnation").first<string>("name"))!;
}

export async function emptyD1(...databases: D1Database[]): Promise<void> {
  for (const database of databases)
    await database.batch(["events", "feed", "erased"].map((table) => database.prepare(`DELETE FROM ${table}`)));
}

/** The same database, and how many rows each of its statements has read and written. */
export function watched(database: D1Database) {
  const statements: { sql: string; read: number; written: number }[] = [];
  const note = (sql: string, { meta }: D1Result) =>
    statements.push({ sql, read: meta.rows_read, written: meta.rows_written });
  const sqlOf = new WeakMap<D1PreparedStatement, string>();
  const seen = Object.assign(Object.create(database) as D1Database, {
    prepare: (sql: string) => {
      const statement = database.prepare(sql);
      sqlOf.set(statement, sql);
      const bind = statement.bind.bind(statement);
      return Object.assign(statement, {
        bind: (...values: unknown[]) => {
          const bound = bind(...values);
          sqlOf.set(bound, sql);
          const { run, all } = { run: bound.run.bind(bound), all: bound.all.bind(bound) };
          const noting = async (execute: () => Promise<D1Result>) => {
            const result = await execute();
            note(sql, result);
            return result;
          };
          return Object.assign(bound, { run: () => noting(run), all: () => noting(all) });
        },
      });
    },
    batch: async (bound: D1PreparedStatement[]) => {
      const results = await database.batch<never>(bound);
      results.forEach((result, index) => note(sqlOf.get(bound[index]!)!, result));
      return results;
    },
  });
  return { database: seen, statements };
}
