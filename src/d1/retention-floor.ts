import { FLOOR_SETTLE_MS } from "../limits.ts";

/**
 * The retention floor: events from before it are refused for ever, even if `RETENTION_DAYS` becomes longer. So a
 * deleted event that is sent again is not taken for a new one, even if its log is deleted as a whole. Times are in
 * epoch milliseconds.
 */
export interface RetentionFloor {
  /** Events from before this time are refused. It never falls. */
  refused: number;
  /** Events from before this time have been refused for so long that every isolate knows, so they may be deleted. */
  deletable: number;
  raisedAt: number;
}

const NAME = "floor";
const NONE: RetentionFloor = { refused: 0, deletable: 0, raisedAt: 0 };

export function readFloor(kv: SyncKvStorage): RetentionFloor {
  return kv.get<RetentionFloor>(NAME) ?? NONE;
}

/**
 * Raises the floor, at most once in FLOOR_SETTLE_MS.
 *
 * @param to events from before this time, in epoch milliseconds, are refused under the current setting
 */
export function raiseFloor(kv: SyncKvStorage, to: number, now: number): RetentionFloor {
  const known = readFloor(kv);
  if (now - known.raisedAt < FLOOR_SETTLE_MS) return known;
  const raised = { refused: Math.max(known.refused, to), deletable: known.refused, raisedAt: now };
  kv.put(NAME, raised);
  return raised;
}
