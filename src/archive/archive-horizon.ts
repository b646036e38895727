import { DAY_MS, dayOf, floorTo } from "../d1/hour.ts";
import { countedUntil } from "../d1/stale-hours.ts";
import { copyCutoff } from "../d1/retention.ts";
import { settingsOf } from "../settings.ts";
import {
  EARLY_ARCHIVE_SHARE,
  MAX_DATABASE_BYTES,
  MAX_FUTURE_MS,
  MIN_HOT_DAYS,
  URGENT_ARCHIVE_SHARE,
} from "../limits.ts";
import { databaseBytes, type Horizon } from "./hot-rows.ts";

/**
 * The first day that is still kept, as YYYY-MM-DD; empty if all days are kept.
 *
 * @param now epoch milliseconds
 */
export function expiredBefore(env: Env, now: number): string {
  const expired = copyCutoff(env, now);
  return expired > 0 ? dayOf(expired) : "";
}

/**
 * Which rows may leave D1 now: those that were written more than `D1_DAYS` ago, or less if the database fills up. The
 * feed is removed up to the same time, so that it covers everything that D1 has. Rows that are not counted yet stay.
 * Null if `D1_DAYS` is not set. Rejects with what D1 throws.
 *
 * @param now epoch milliseconds
 */
export async function horizonOf(env: Env, database: D1Database, now: number): Promise<Horizon | null> {
  const { d1Days } = settingsOf(env);
  if (d1Days === null) return null;
  const kept = keptDays(d1Days, (await databaseBytes(database)) / MAX_DATABASE_BYTES);
  const writtenDay = floorTo(DAY_MS, now - kept * DAY_MS);
  const counted = await countedUntil(database);
  return {
    cutoff: floorTo(DAY_MS, Math.min(writtenDay, counted.hour)),
    // An event may be dated up to MAX_FUTURE_MS ahead. So an event that was written before this happened before that
    // day.
    writtenBefore: Math.min(writtenDay - MAX_FUTURE_MS, counted.writtenAt),
  };
}

/** For how many days D1 keeps rows, given the share of its maximum size that is used. */
export function keptDays(d1Days: number, share: number): number {
  if (share > URGENT_ARCHIVE_SHARE) return MIN_HOT_DAYS;
  return Math.max(MIN_HOT_DAYS, share > EARLY_ARCHIVE_SHARE ? d1Days / 2 : d1Days);
}
