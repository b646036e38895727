import { WALK_PERIOD_MS } from "../limits.ts";

/**
 * A walk through a lane's users that wakes each log to delete its expired events, because a log that is asleep does not
 * know that `RETENTION_DAYS` was set or shortened. A walk begins when the setting changes, and otherwise every
 * WALK_PERIOD_MS, for logs whose alarms were lost.
 */
export interface ExpiryWalk {
  /** `RETENTION_DAYS` when the walk began; null if it was not set, so that there is nothing to do. */
  days: number | null;
  /** Epoch milliseconds. */
  begunAt: number;
  /** The user whose log was woken last; null at the end of the walk. */
  after: string | null;
}

const NAME = "expiry_walk";

/**
 * The walk to continue, or null if there is nothing to do now. Begins a walk if one is due.
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
