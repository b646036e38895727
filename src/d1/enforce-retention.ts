import { MAX_RETENTION_RUN_MS, MAX_RETENTION_STATEMENTS, TOMBSTONE_DAYS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { databaseNamed, databaseNames } from "./databases.ts";
import { removeExpired } from "./remove-expired.ts";
import { DAY_MS } from "./hour.ts";
import { copyCutoff } from "./retention.ts";

/**
 * Removes from every bound database what it need not keep any longer: events older than `RETENTION_DAYS` or `D1_DAYS`,
 * their part of the feed, and old tombstones. Works on all databases at once, so that none waits for one that fails.
 * Never rejects; the next run continues.
 *
 * @param clock returns epoch milliseconds
 * @param coldBefore only the logs keep events from before this time, in epoch milliseconds; 0 if D1 keeps all
 */
export async function enforceRetention(env: Env, clock: () => number, coldBefore = 0): Promise<void> {
  const now = clock();
  const expired = copyCutoff(env, now);
  if (env.RETENTION_DAYS && expired === 0)
    logFailure(
      "retention_misconfigured",
      "RETENTION_DAYS must be a number of at least 1, or empty: no event is removed",
    );
  const names = databaseNames(env);
  const cutoffs = { expired, cold: coldBefore, tombstones: now - TOMBSTONE_DAYS * DAY_MS };
  const budget = {
    statements: Math.floor(MAX_RETENTION_STATEMENTS / names.length),
    until: now + MAX_RETENTION_RUN_MS,
  };
  await Promise.all(
    names.map(async (name) => {
      try {
        await removeExpired(databaseNamed(env, name), cutoffs, budget, clock);
      } catch (error) {
        logFailure("retention_failed", error, { database: name });
      }
    }),
  );
}
