import { WALK_PERIOD_MS } from "../limits.ts";

/**
 * A walk through a lane's users, so that each log lets go of what has expired: a log that is asleep does not know that
 * `RETENTION_DAYS` was set or shortened. One begins with each other value, and else from time to time, for alarms that
 * were lost.
 */
export interface ExpiryWalk {
  /** `RETENTION_DAYS` as it was when the walk began; null where there was none, and nothing to walk for. */
  days: number | null;
  /** Epoch milliseconds. */
  begunAt: number;
  /** The user who was called upon last; null at the end. */
  after: string | null;
}

const NAME = "expiry_walk";

/**
 * Where to go on, or null where there is nothing to do now.
 *
 * @param now epoch milliseconds
 */
export function currentWalk(kv: SyncKvStorage, days: number | null, now: number): ExpiryWalk | null {
  const known = kv.get<ExpiryWalk>(NAME);
  const isOver = known?.after === null && now - known.begunAt >= WALK_PERIOD_MS;
  if (known && known.days === days && !isOver) return known.after === null ? null : known;
  if (!known && days === null) return null;
  const walk: ExpiryWalk = { days, begunAt: now, after: days === null ? null : "" };
  kv.put(NAME, walk);
  return walk.after === null ? null : walk;
}

export function saveWalk(kv: SyncKvStorage, walk: ExpiryWalk): void {
  kv.put(NAME, walk);
}
