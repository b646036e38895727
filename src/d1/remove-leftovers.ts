import type { ErasedKey } from "./erase-events.ts";
import { markStale } from "./stale-hours.ts";

const FOUND = `FROM json_each(?3) AS sent JOIN events ON events.timestamp = sent.value ->> 0 AND events.generation = ?1
  AND events.seq = sent.value ->> 1 AND events.user_id = ?2`;

/**
 * Deletes rows that belong to another database and that a restore has brought back. The log is not erased and the
 * events still exist, so the feed does not mention this. Idempotent. Rejects with what D1 throws.
 *
 * @param keys at most MAX_STATEMENT_EVENTS
 */
export async function removeLeftovers(
  database: D1Database,
  userId: string,
  generation: number,
  keys: readonly ErasedKey[],
): Promise<void> {
  const remove = `DELETE FROM events WHERE (timestamp, generation, seq, user_id) IN
    (SELECT events.timestamp, events.generation, events.seq, events.user_id ${FOUND})`;
  const statements = [...markStale("events.timestamp", FOUND), remove];
  const sent = JSON.stringify(keys);
  await database.batch(statements.map((sql) => database.prepare(sql).bind(generation, userId, sent)));
}
