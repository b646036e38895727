import { TOMBSTONE_DAYS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { databaseNamed, databaseNames } from "./databases.ts";
import { removeExpired } from "./remove-expired.ts";
import { DAY_MS, retentionCutoff } from "./retention.ts";

/**
 * Removes what D1 need not keep any longer, in every bound database: events past `RETENTION_DAYS`, and old tombstones.
 * Never throws: the next run goes on, and the other databases need not wait for one that fails.
 *
 * @param clock epoch milliseconds
 */
export async function enforceRetention(env: Env, clock: () => number): Promise<void> {
  const now = clock();
  const cutoff = retentionCutoff(env, now);
  for (const name of databaseNames(env)) {
    try {
      const database = databaseNamed(env, name);
      if (cutoff > 0) await removeExpired(database, cutoff, clock);
      await database
        .prepare("DELETE FROM erased WHERE erased_at < ?1")
        .bind(now - TOMBSTONE_DAYS * DAY_MS)
        .run();
    } catch (error) {
      logFailure("retention_failed", error, { database: name });
    }
  }
}
