import { REJECTIONS_ERASED_MS, REJECTION_DAYS } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import { settingsOf } from "../../settings.ts";
import { DAY_MS } from "../hour.ts";
import { retentionCutoff } from "../retention.ts";
import { rejectionsDatabase } from "./store-rejections.ts";

/** Erases a user's rejections, including those that an isolate has not stored yet. Rejects with what D1 throws. */
export async function eraseRejections(env: Env, userId: string, now: number): Promise<void> {
  const database = rejectionsDatabase(env);
  await database.batch([
    database
      .prepare(
        "INSERT INTO rejections_erased (user_id, erased_at) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET erased_at = ?2",
      )
      .bind(userId, now),
    database.prepare("DELETE FROM rejections WHERE user_id = ?1").bind(userId),
  ]);
}

/** Deletes rejections by their ids. Rejects with what D1 throws. */
export async function removeRejections(env: Env, ids: readonly number[]): Promise<void> {
  await rejectionsDatabase(env)
    .prepare("DELETE FROM rejections WHERE id IN (SELECT value FROM json_each(?1))")
    .bind(JSON.stringify(ids))
    .run();
}

/**
 * Deletes rejections that are older than REJECTION_DAYS or RETENTION_DAYS, and all kept bodies if KEEP_REJECTED_BODIES
 * is off. Never rejects; the next run tries again.
 *
 * @param now epoch milliseconds
 */
export async function removeOldRejections(env: Env, now: number): Promise<void> {
  const cutoff = Math.max(now - REJECTION_DAYS * DAY_MS, retentionCutoff(env, now));
  try {
    const database = rejectionsDatabase(env);
    await database.batch([
      database.prepare("DELETE FROM rejections WHERE received_at < ?1").bind(cutoff),
      database.prepare("DELETE FROM rejection_counts WHERE hour < ?1").bind(now - REJECTION_DAYS * DAY_MS),
      database.prepare("DELETE FROM rejections_erased WHERE erased_at < ?1").bind(now - REJECTIONS_ERASED_MS),
      ...(settingsOf(env).keepsRejectedBodies
        ? []
        : [
            database.prepare(
              "UPDATE rejections SET body = NULL, user_id = NULL WHERE body IS NOT NULL OR user_id IS NOT NULL",
            ),
          ]),
    ]);
  } catch (error) {
    logFailure("rejections_not_removed", error);
  }
}
