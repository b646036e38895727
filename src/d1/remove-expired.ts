import { MAX_FUTURE_MS, RETENTION_CHUNK_ROWS, STATEMENT_TIMEOUT_MS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";
import { sealHours } from "./stale-hours.ts";

const REMOVE_TOMBSTONES = `DELETE FROM erased WHERE (generation, user_id) IN
  (SELECT generation, user_id FROM erased WHERE erased_at < ?1 ORDER BY erased_at LIMIT ${RETENTION_CHUNK_ROWS})`;

// The newest row stays in any case: a position that was given out must not be given out again.
const REMOVE_FEED = `DELETE FROM feed WHERE written_at < ?1 AND position < (SELECT max(position) FROM feed)
  AND position IN (SELECT position FROM feed ORDER BY position LIMIT ${RETENTION_CHUNK_ROWS})`;

const REMOVE_EVENTS = `DELETE FROM events WHERE (timestamp, generation, seq, user_id) IN
  (SELECT timestamp, generation, seq, user_id FROM events WHERE timestamp < ?1
   ORDER BY timestamp, generation, seq, user_id LIMIT ${RETENTION_CHUNK_ROWS})`;

/** What a run may use up. The next one takes what is left. */
interface RetentionBudget {
  statements: number;
  /** Epoch milliseconds. */
  until: number;
}

/**
 * Removes what D1 need not keep any longer from one database, oldest first and a chunk a statement, until it is gone or
 * the budget is used up. Rejects with what D1 throws, or when it does not answer.
 *
 * @param oldestEvent events that happened before this time go; 0 keeps all
 * @param oldestTombstone tombstones from before this time go
 * @param clock epoch milliseconds, asked before each statement
 */
export async function removeExpired(
  database: D1Database,
  oldestEvent: number,
  oldestTombstone: number,
  budget: RetentionBudget,
  clock: () => number,
): Promise<void> {
  let statements = 0;
  const remove = async (sql: string, before: number) => {
    while (statements++ < budget.statements && clock() < budget.until) {
      const answer = database.prepare(sql).bind(before).run();
      const { meta } = await orTimeout(answer, STATEMENT_TIMEOUT_MS, () => new Error("D1 did not answer"));
      if (meta.changes < RETENTION_CHUNK_ROWS) break;
    }
  };
  // The events come last: they are the many, and the others would never have their turn.
  await remove(REMOVE_TOMBSTONES, oldestTombstone);
  if (oldestEvent === 0) return;
  // An event may be dated ahead, so a row of the feed names expired events only when it is older by that much.
  await remove(REMOVE_FEED, oldestEvent - MAX_FUTURE_MS);
  const seal = sealHours(database, oldestEvent - 1).run();
  await orTimeout(seal, STATEMENT_TIMEOUT_MS, () => new Error("D1 did not answer"));
  await remove(REMOVE_EVENTS, oldestEvent);
}
