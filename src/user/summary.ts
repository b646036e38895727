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

/** Costs the same for any length of the log. */
export function readSummary(sql: SqlStorage, state: LogState, pending: number): UserSummary {
  const { profile, headSeq, headTimestamp, only } = state;
  const firstSeen = only ? only.timestamp : firstTimestamp(sql);
  return { properties: profileValues(profile), events: headSeq, firstSeen, lastSeen: headTimestamp, pending };
}

function firstTimestamp(sql: SqlStorage): number {
  return sql.exec<{ timestamp: number }>("SELECT min(timestamp) AS timestamp FROM events").one().timestamp;
}
