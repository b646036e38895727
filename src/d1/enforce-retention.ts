import { MAX_RETENTION_RUN_MS, MAX_RETENTION_STATEMENTS, TOMBSTONE_DAYS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { databaseNamed, databaseNames } from "./databases.ts";
import { removeExpired } from "./remove-expired.ts";
import { DAY_MS } from "./hour.ts";
import { retentionCutoff } from "./retention.ts";

/**
 * Removes what D1 need not keep any longer, in every bound database at once: events past `RETENTION_DAYS` with their
 * part of the feed, and old tombstones. Never throws: the next run goes on, and no database waits for one that fails.
 *
 * @param clock epoch milliseconds
 */
export async function enforceRetention(env: Env, clock: () => number): Promise<void> {
  const now = clock();
  const cutoff = retentionCutoff(env, now);
  if (env.RETENTION_DAYS && cutoff === 0)
    logFailure("retention_misconfigured", "RETENTION_DAYS must be a number above 0, or empty: no event is removed");
  const names = databaseNames(env);
  const budget = {
    statements: Math.floor(MAX_RETENTION_STATEMENTS / names.length),
    until: now + MAX_RETENTION_RUN_MS,
  };
  await Promise.all(
    names.map(async (name) => {
      try {
        await removeExpired(databaseNamed(env, name), cutoff, now - TOMBSTONE_DAYS * DAY_MS, budget, clock);
      } catch (error) {
        logFailure("retention_failed", error, { database: name });
      }
    }),
  );
}
