import { MAX_ERASED_KEYS } from "../limits.ts";
import type { RowKey } from "./event-row.ts";
import { markStale } from "./stale-hours.ts";
import { type ErasedLog, tombstones } from "./tombstones.ts";

/**
 * Stores tombstones again that a database may have lost, as after a restore to an earlier point. They keep out rows of
 * the erased logs from then on. Rejects with what D1 throws.
 *
 * @param erasures at most MAX_ERASED_KEYS
 * @param now epoch milliseconds
 */
export async function insertTombstones(
  database: D1Database,
  erasures: readonly ErasedLog[],
  now: number,
): Promise<void> {
  await database.batch(tombstones(database, erasures, now));
}

/**
 * Deletes rows of erased logs from a part of the table. It has to read the table, because nobody knows the keys of
 * these rows any more. Rejects with what D1 throws.
 *
 * @param after the part begins after this key; null for the beginning
 * @returns the key to continue after, or null at the table's end
 */
export async function sweepErased(database: D1Database, after: RowKey | null): Promise<RowKey | null> {
  const part = `SELECT timestamp, generation, seq, user_id FROM events
    WHERE (timestamp, generation, seq, user_id) > (?1, ?2, ?3, ?4)
    ORDER BY timestamp, generation, seq, user_id LIMIT ${MAX_ERASED_KEYS}`;
  const erasedPart = `(${part}) AS part
    JOIN erased ON erased.generation = part.generation AND erased.user_id = part.user_id`;
  const from = after ?? [-1, 0, 0, ""];
  const [ends] = await database.batch<{ timestamp: number; generation: number; seq: number; user_id: string }>([
    database
      .prepare(`SELECT * FROM (${part}) ORDER BY timestamp DESC, generation DESC, seq DESC, user_id DESC LIMIT 1`)
      .bind(...from),
    ...markStale("part.timestamp", `FROM ${erasedPart}`).map((sql) => database.prepare(sql).bind(...from)),
    database
      .prepare(
        `DELETE FROM events WHERE (timestamp, generation, seq, user_id) IN
           (SELECT part.timestamp, part.generation, part.seq, part.user_id FROM ${erasedPart})`,
      )
      .bind(...from),
  ]);
  const end = ends!.results[0];
  return end ? [end.timestamp, end.generation, end.seq, end.user_id] : null;
}
