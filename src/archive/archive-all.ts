import { databaseNames } from "../d1/databases.ts";
import { logFailure } from "../log-failure.ts";
import { archiverOf } from "./archiver-of.ts";
import { archiveBucket } from "./bucket.ts";

/**
 * Lets every database's archiver move what is old enough. Nothing happens unless a bucket is bound and `D1_DAYS` is set.
 * Never throws: the next run goes on.
 */
export async function archiveAll(env: Env): Promise<void> {
  if (!archiveBucket(env)) return;
  for (const database of databaseNames(env)) {
    try {
      await archiverOf(env, database).run();
    } catch (error) {
      logFailure("archiver_unreachable", error, { database });
    }
  }
}
