import { databaseNames } from "../d1/databases.ts";
import { logFailure } from "../log-failure.ts";
import { archiverOf } from "./archiver-of.ts";
import { archiveBucket } from "./bucket.ts";

/**
 * Makes the archiver of every database move rows that are old enough. Does nothing unless a bucket is bound, and moves
 * nothing unless `D1_DAYS` is set. Never rejects; the next run continues.
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
