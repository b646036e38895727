import { MAX_RETENTION_RUN_MS, MAX_RETENTION_STATEMENTS, TOMBSTONE_DAYS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { databaseNamed, databaseNames } from "./databases.ts";
import { removeExpired } from "./remove-expired.ts";
import { DAY_MS } from "./hour.ts";
import { copyCutoff } from "./retention.ts";

/**
 * Removes what D1 need not keep any longer, in every bound database at once: events past `RETENTION_DAYS`, or only past
 * `D1_DAYS`, with their part of the feed, and old tombstones. Never throws: the next run goes on, and no database waits
 * for one that fails.
 *
 * @param clock epoch milliseconds
 * @param coldBefore the logs alone keep what is from before this time, in epoch milliseconds; 0 where D1 keeps all
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
