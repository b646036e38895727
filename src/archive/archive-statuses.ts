import { databaseNames } from "../d1/databases.ts";
import { HEALTH_TIMEOUT_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { orTimeout } from "../or-timeout.ts";
import { settingsOf } from "../settings.ts";
import { archiverOf } from "./archiver-of.ts";
import type { ArchiverStatus } from "./archiver.ts";
import { archiveBucket } from "./bucket.ts";

/** The status of each database's archiver, by the database's binding; null for one that does not answer. */
export type ArchiveStatuses = Record<string, ArchiverStatus | null>;

/** Asks all archivers at once, and waits at most HEALTH_TIMEOUT_MS. Empty if there is no archive. Never rejects. */
export async function archiveStatuses(env: Env): Promise<ArchiveStatuses> {
  if (!archiveBucket(env) || settingsOf(env).d1Days === null) return {};
  const asked = databaseNames(env).map(async (database) => {
    try {
      const answer = archiverOf(env, database).status();
      return [
        database,
        await orTimeout(answer, HEALTH_TIMEOUT_MS, () => new Error("The archiver did not answer")),
      ] as const;
    } catch (error) {
      logFailure("archiver_unreachable", error, { database });
      return [database, null] as const;
    }
  });
  return Object.fromEntries(await Promise.all(asked));
}
