import { MAX_SCANNED_EVENTS } from "../limits.ts";
import { keptEvents } from "./erasure.ts";
import { profileValues } from "./profile.ts";
import type { LogState } from "./stored-values.ts";

/** A summary of a user. The times are those of events, in epoch milliseconds. */
export interface UserSummary {
  properties: Record<string, string>;
  events: number;
  firstSeen: number;
  lastSeen: number;
  /** How many events D1 has not received yet, as far as the object knows. */
  pending: number;
}

/**
 * Reads the summary. The cost does not grow with the length of the log. After `RETENTION_DAYS` was shortened, the count
 * may be too high for a while if more than MAX_SCANNED_EVENTS events are still to be deleted.
 *
 * @param oldest events from before this time, in epoch milliseconds, are not shown; the log must have later ones
 */
export function readSummary(sql: SqlStorage, state: LogState, pending: number, oldest: number): UserSummary {
  const { profile, headTimestamp, only } = state;
  const { hidden, firstSeen } = only ? { hidden: 0, firstSeen: only.timestamp } : readExtent(sql, oldest);
  const events = keptEvents(state) - hidden;
  return { properties: profileValues(profile), events, firstSeen, lastSeen: headTimestamp, pending };
}

function readExtent(sql: SqlStorage, oldest: number): { hidden: number; firstSeen: number } {
  return sql
    .exec<{ hidden: number; firstSeen: number }>(
      `SELECT (SELECT count(*) FROM (SELECT 1 FROM events WHERE timestamp < ?1 LIMIT ${MAX_SCANNED_EVENTS})) AS hidden,
         (SELECT min(timestamp) FROM events WHERE timestamp >= ?1) AS firstSeen`,
      oldest,
    )
    .one();
}
