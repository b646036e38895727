import { MAX_FUTURE_MS, RETENTION_CHUNK_ROWS } from "../limits.ts";
import { DELETE_OLD_FEED, EMPTY_OLD_FEED } from "./old-feed.ts";
import { countedUntil, IS_SEALED, sealCountedHours, sealHours } from "./stale-hours.ts";
import { inTime } from "./in-time.ts";

const REMOVE_TOMBSTONES = `DELETE FROM erased WHERE (generation, user_id) IN
  (SELECT generation, user_id FROM erased WHERE erased_at < ?1 ORDER BY erased_at LIMIT ${RETENTION_CHUNK_ROWS})`;

function removeEvents(condition: string): string {
  return `DELETE FROM events WHERE (timestamp, generation, seq, user_id) IN
    (SELECT timestamp, generation, seq, user_id FROM events WHERE ${condition}
     ORDER BY timestamp, generation, seq, user_id LIMIT ${RETENTION_CHUNK_ROWS})`;
}

const REMOVE_EXPIRED = removeEvents("timestamp < ?1");

// What came late is kept as long as what came in time: else a reader of the feed who is a bit behind would miss it.
const REMOVE_COLD = removeEvents(`timestamp < ?1 AND written_at < ?1 AND ${IS_SEALED}`);

/** What is to go, each that is from before a time in epoch milliseconds. */
interface Cutoffs {
  /** Events that happened before this time; 0 keeps all. */
  expired: number;
  /** Events that happened, and were written to D1, before this time; 0 keeps all. The logs keep them. */
  cold: number;
  tombstones: number;
}

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
 * @param clock epoch milliseconds, asked before each statement
 */
export async function removeExpired(
  database: D1Database,
  { expired, cold, tombstones }: Cutoffs,
  budget: RetentionBudget,
  clock: () => number,
): Promise<void> {
  let statements = 0;
  const remove = async (sql: string, before: number) => {
    while (statements++ < budget.statements && clock() < budget.until) {
      const { meta } = await inTime(database.prepare(sql).bind(before).run());
      if (meta.changes < RETENTION_CHUNK_ROWS) break;
    }
  };
  // The events come last: they are the many, and the others would never have their turn.
  await remove(REMOVE_TOMBSTONES, tombstones);
  // What is only cold can wait until it is counted. What has expired cannot.
  const counted = cold > expired ? await countedBefore(database, cold) : 0;
  if (Math.max(expired, counted) === 0) return;
  // An event may be dated ahead, so that of an older row of the feed all have expired. Where events are only cold, the
  // log still has them: their row goes before any of them does, and a reader who has not read it is told.
  const feed = Math.max(expired - MAX_FUTURE_MS, counted);
  await remove(DELETE_OLD_FEED, feed);
  await remove(EMPTY_OLD_FEED, feed);
  if (expired > 0) {
    await inTime(sealHours(database, expired - 1).run());
    await remove(REMOVE_EXPIRED, expired);
  }
  if (counted > expired) {
    await inTime(sealCountedHours(database, counted - 1).run());
    await remove(REMOVE_COLD, counted);
  }
}

/** A time, in epoch milliseconds and at most `latest`: what happened and was written before it is counted. */
async function countedBefore(database: D1Database, latest: number): Promise<number> {
  const { hour, writtenAt } = await inTime(countedUntil(database));
  return Math.min(latest, hour, writtenAt);
}
