import { HEALTH_TIMEOUT_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { orTimeout } from "../or-timeout.ts";
import type { WriterStatus } from "./d1-writer.ts";
import { writerLanes, writerOfLane } from "./writer-of.ts";

/**
 * Asks the writers of a database for their status, all at once, and waits at most HEALTH_TIMEOUT_MS. Never rejects.
 *
 * @returns in the order of the lanes; null for a writer that does not answer
 */
export async function laneStatuses(env: Env, database: string): Promise<(WriterStatus | null)[]> {
  return Promise.all(
    Array.from({ length: writerLanes(env) }, async (_, lane) => {
      try {
        const answer = writerOfLane(env, database, lane).status();
        return await orTimeout(answer, HEALTH_TIMEOUT_MS, () => new Error("The writer did not answer"));
      } catch (error) {
        logFailure("writer_unreachable", error, { database, lane });
        return null;
      }
    }),
  );
}
