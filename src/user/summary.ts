import { MAX_SCANNED_EVENTS } from "../limits.ts";
import { keptEvents } from "./erasure.ts";
import { profileValues } from "./profile.ts";
import type { LogState } from "./stored-values.ts";

/** A user at a glance. Times are those of the events, in epoch milliseconds. */
export interface UserSummary {
  properties: Record<string, string>;
  events: number;
  firstSeen: number;
  lastSeen: number;
  /** How many events D1 has not got yet, as far as the object knows. */
  pending: number;
}

/**
 * Costs the same for any length of the log. The count may be too high for a while after `RETENTION_DAYS` was shortened,
 * where more than MAX_SCANNED_EVENTS are still to be deleted.
 *
 * @param oldest events from before this time, in epoch milliseconds, are not shown; the log has later ones
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
