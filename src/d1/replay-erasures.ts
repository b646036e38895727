import { MAX_ERASED_KEYS } from "../limits.ts";
import type { RowKey } from "./event-row.ts";

/**
 * Tells a database again of erasures that it may have lost, as after a restore to an earlier point. From then on no
 * row of these logs comes back. Rejects with what D1 throws.
 *
 * @param erasures at most MAX_ERASED_KEYS
 * @param now epoch milliseconds
 */
export async function insertTombstones(
  database: D1Database,
  erasures: readonly { user_id: string; generation: number }[],
  now: number,
): Promise<void> {
  const sent = JSON.stringify(erasures.map(({ user_id, generation }) => [generation, user_id]));
  await database.batch([
    database
      .prepare(
        `INSERT INTO feed (written_at, events, keys, erased)
         SELECT ?1, 0, '[]', value ->> 0 FROM json_each(?2)
         WHERE NOT EXISTS (SELECT 1 FROM erased WHERE generation = value ->> 0 AND user_id = value ->> 1)`,
      )
      .bind(now, sent),
    database
      .prepare(
        `INSERT OR IGNORE INTO erased (generation, user_id, erased_at)
         SELECT value ->> 0, value ->> 1, ?1 FROM json_each(?2)`,
      )
      .bind(now, sent),
  ]);
}

/**
 * Removes rows of erased logs from a part of the table, whose keys nobody knows any more. Rejects with what D1 throws.
 *
 * @param after the part begins past this key; null for the beginning
 * @returns the key to go on from, or null at the table's end
 */
export async function sweepErased(database: D1Database, after: RowKey | null): Promise<RowKey | null> {
  const part = `SELECT timestamp, generation, seq, user_id FROM events
    WHERE (timestamp, generation, seq, user_id) > (?1, ?2, ?3, ?4)
    ORDER BY timestamp, generation, seq, user_id LIMIT ${MAX_ERASED_KEYS}`;
  const from = after ?? [-1, 0, 0, ""];
  const [ends] = await database.batch<{ timestamp: number; generation: number; seq: number; user_id: string }>([
    database
      .prepare(`SELECT * FROM (${part}) ORDER BY timestamp DESC, generation DESC, seq DESC, user_id DESC LIMIT 1`)
      .bind(...from),
    ...[
      ["stale_hours", 60 * 60 * 1000],
      ["stale_days", 24 * 60 * 60 * 1000],
    ].map(([table, length]) =>
      database
        .prepare(
          `INSERT OR IGNORE INTO ${table} SELECT DISTINCT part.timestamp - part.timestamp % ${length}
           FROM (${part}) AS part
           JOIN erased ON erased.generation = part.generation AND erased.user_id = part.user_id`,
        )
        .bind(...from),
    ),
    database
      .prepare(
        `DELETE FROM events WHERE (timestamp, generation, seq, user_id) IN
           (SELECT part.timestamp, part.generation, part.seq, part.user_id FROM (${part}) AS part
            JOIN erased ON erased.generation = part.generation AND erased.user_id = part.user_id)`,
      )
      .bind(...from),
  ]);
  const end = ends!.results[0];
  return end ? [end.timestamp, end.generation, end.seq, end.user_id] : null;
}
