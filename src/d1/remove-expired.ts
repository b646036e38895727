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

// An event that arrived late is kept as long as one that arrived in time. Otherwise a reader of the feed who is
// slightly behind would miss it.
const REMOVE_COLD = removeEvents(`timestamp < ?1 AND written_at < ?1 AND ${IS_SEALED}`);

/** What is removed: everything from before these times, in epoch milliseconds. */
interface Cutoffs {
  /** Events that happened before this time are removed; 0 keeps all. */
  expired: number;
  /** Events that happened and were written before this time are only kept in the logs; 0 keeps all in D1. */
  cold: number;
  tombstones: number;
}

/** How much one run may do. The next run removes what is left. */
interface RetentionBudget {
  statements: number;
  /** Epoch milliseconds. */
  until: number;
}

/**
 * Removes from one database what it need not keep any longer, oldest first and one chunk per statement, until nothing
 * is left or the budget is used up. Rejects with what D1 throws, or if D1 does not answer.
 *
 * @param clock returns epoch milliseconds; called before each statement
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
  // Events are removed last. There are so many that they could use up the budget in every run.
  await remove(REMOVE_TOMBSTONES, tombstones);
  // Events that are only cold can wait until they are counted. Expired events cannot.
  const counted = cold > expired ? await countedBefore(database, cold) : 0;
  if (Math.max(expired, counted) === 0) return;
  // An event may be dated up to MAX_FUTURE_MS ahead, so all events of a feed row that is older by that much have
  // expired. Events that are only cold are still in the logs. Their feed row is removed before they are, so that a
  // reader who has not read it is told.
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

/** A time, at most `latest`, before which all events are counted that happened and were written. Epoch milliseconds. */
async function countedBefore(database: D1Database, latest: number): Promise<number> {
  const { hour, writtenAt } = await inTime(countedUntil(database));
  return Math.min(latest, hour, writtenAt);
}
