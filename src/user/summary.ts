import { countPending } from "./outbox.ts";
import { profileValues, readProfile } from "./profile.ts";

/** A user at a glance. Times are those of the events, in epoch milliseconds. */
export interface UserSummary {
  properties: Record<string, string>;
  events: number;
  firstSeen: number;
  lastSeen: number;
  /** What D1 has not got yet. */
  pending: number;
}

/**
 * Costs the same for any length of the log: seq has no gaps, so the last one is the number of events.
 *
 * @param shippedSeq up to which seq D1 has the log
 */
export function readSummary(storage: DurableObjectStorage, shippedSeq: number): UserSummary {
  const { events, firstSeen, lastSeen } = storage.sql
    .exec<{ events: number; firstSeen: number; lastSeen: number }>(
      `SELECT (SELECT max(seq) FROM events) AS events, (SELECT min(timestamp) FROM events) AS firstSeen,
              (SELECT max(timestamp) FROM events) AS lastSeen`,
    )
    .one();
  return {
    properties: profileValues(readProfile(storage)),
    events,
    firstSeen,
    lastSeen,
    pending: countPending(storage.sql, shippedSeq),
  };
}
