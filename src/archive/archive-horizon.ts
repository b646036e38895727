import { DAY_MS } from "../d1/hour.ts";
import { copyCutoff } from "../d1/retention.ts";
import { settingsOf } from "../settings.ts";
import { EARLY_ARCHIVE_SHARE, MAX_DATABASE_BYTES, MIN_HOT_DAYS } from "../limits.ts";
import type { Horizon } from "./hot-rows.ts";

/**
 * Days before this one, as YYYY-MM-DD, are no longer kept at all; empty where all are.
 *
 * @param now epoch milliseconds
 */
export function expiredBefore(env: Env, now: number): string {
  const expired = copyCutoff(env, now);
  return expired > 0 ? new Date(expired).toISOString().slice(0, "YYYY-MM-DD".length) : "";
}

/**
 * What may leave D1 now: whole days that are older than `D1_DAYS`, or than half of it where the database fills up.
 * Null where `D1_DAYS` is not set. Rejects with what D1 throws.
 *
 * @param now epoch milliseconds
 */
export async function horizonOf(env: Env, database: D1Database, now: number): Promise<Horizon | null> {
  const { d1Days: days } = settingsOf(env);
  if (days === null) return null;
  const { meta } = await database.prepare("SELECT 1").run();
  const isFilling = meta.size_after > EARLY_ARCHIVE_SHARE * MAX_DATABASE_BYTES;
  const kept = Math.max(MIN_HOT_DAYS, isFilling ? days / 2 : days);
  const cutoff = Math.floor((now - kept * DAY_MS) / DAY_MS) * DAY_MS;
  return { cutoff, writtenBefore: now - MIN_HOT_DAYS * DAY_MS };
}
