import { FLOOR_SETTLE_MS } from "../limits.ts";

/**
 * The floor of the retention: no event from before it is taken any more, whatever `RETENTION_DAYS` becomes. So nothing
 * that was deleted can be taken for new, also where a log was given back and nothing of it is left to remember that.
 * Times are epoch milliseconds.
 */
export interface RetentionFloor {
  /** Events from before this time are refused. It never falls. */
  refused: number;
  /** Events from before this time were refused long enough ago that everybody knows: they may be deleted. */
  deletable: number;
  raisedAt: number;
}

const NAME = "floor";
const NONE: RetentionFloor = { refused: 0, deletable: 0, raisedAt: 0 };

export function readFloor(kv: SyncKvStorage): RetentionFloor {
  return kv.get<RetentionFloor>(NAME) ?? NONE;
}

/**
 * Raises the floor, once an hour at most.
 *
 * @param to events from before this time are refused under the setting of now
 */
export function raiseFloor(kv: SyncKvStorage, to: number, now: number): RetentionFloor {
  const known = readFloor(kv);
  if (now - known.raisedAt < FLOOR_SETTLE_MS) return known;
  const raised = { refused: Math.max(known.refused, to), deletable: known.refused, raisedAt: now };
  kv.put(NAME, raised);
  return raised;
}
