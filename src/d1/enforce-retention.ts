import { logFailure } from "../log-failure.ts";
import { settingsOf } from "../settings.ts";
import { databaseNamed, databaseNames } from "./databases.ts";
import { removeExpired } from "./remove-expired.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Keeps D1 within `RETENTION_DAYS`, in every bound database. Does nothing where that is empty or cannot be read.
 *
 * @param now epoch milliseconds
 */
export async function enforceRetention(env: Env, now: number): Promise<void> {
  const days = settingsOf(env).retentionDays;
  if (days === null) return;
  for (const name of databaseNames(env)) {
    try {
      await removeExpired(databaseNamed(env, name), now - days * DAY_MS);
    } catch (error) {
      // The next run goes on; the other databases need not wait for it.
      logFailure("retention_failed", error, { database: name });
    }
  }
}
