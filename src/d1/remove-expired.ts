import { MAX_FUTURE_MS, MAX_RETENTION_RUN_MS, RETENTION_CHUNK_EVENTS } from "../limits.ts";

const REMOVE_EVENTS = `DELETE FROM events WHERE (timestamp, generation, seq, user_id) IN
  (SELECT timestamp, generation, seq, user_id FROM events WHERE timestamp < ?1
   ORDER BY timestamp, generation, seq, user_id LIMIT ${RETENTION_CHUNK_EVENTS})`;

// The newest row stays in any case: a position that was given out must not be given out again.
const REMOVE_FEED = `DELETE FROM feed WHERE written_at < ?1 AND position < (SELECT max(position) FROM feed)
  AND position IN (SELECT position FROM feed ORDER BY position LIMIT ${RETENTION_CHUNK_EVENTS})`;

/**
 * Removes events that happened before `cutoff` (epoch milliseconds) from D1, oldest first, a chunk a statement. Goes on
 * until all are gone or MAX_RETENTION_RUN_MS are over; the next run takes the rest. Rejects with what D1 throws.
 *
 * @param clock epoch milliseconds, asked after each statement
 * @returns how many events were removed
 */
export async function removeExpired(database: D1Database, cutoff: number, clock: () => number): Promise<number> {
  const until = clock() + MAX_RETENTION_RUN_MS;
  const removed = await removeInChunks(database.prepare(REMOVE_EVENTS).bind(cutoff), until, clock);
  // An event may be dated ahead, so a row of the feed names expired events only when it is older by that much.
  await removeInChunks(database.prepare(REMOVE_FEED).bind(cutoff - MAX_FUTURE_MS), until, clock);
  return removed;
}

async function removeInChunks(statement: D1PreparedStatement, until: number, clock: () => number): Promise<number> {
  let removed = 0;
  while (clock() < until) {
    const { meta } = await statement.run();
    removed += meta.changes;
    if (meta.changes < RETENTION_CHUNK_EVENTS) break;
  }
  return removed;
}
