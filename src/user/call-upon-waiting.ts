import { databaseNames } from "../d1/databases.ts";
import { writerLanes, writerOfLane } from "../d1/writer-of.ts";
import { MAX_CALLED_UPON_USERS, MAX_LASTING_DELAY_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { callUserLog } from "./call-user-log.ts";

/**
 * Wakes the logs that have waited for D1 longer than the longest back-off. Their alarms must be lost, because the
 * platform drops an alarm that has failed six times. Or a log lacks nothing any more, because what it lacked has
 * expired; then its wait ends. Never rejects; the next run tries what failed again.
 *
 * @param now epoch milliseconds
 */
export async function callUponWaiting(env: Env, now: number): Promise<void> {
  for (const database of databaseNames(env)) {
    for (let lane = 0; lane < writerLanes(env); lane++) {
      try {
        const before = now - 2 * MAX_LASTING_DELAY_MS;
        const writer = writerOfLane(env, database, lane);
        const users = await writer.longestWaiting(before, MAX_CALLED_UPON_USERS);
        await Promise.all(
          users.map(async (userId) => {
            const called = await callUserLog(env, userId, (log) => log.deliver(database));
            if (called.ok && !called.value) await writer.endWait(userId);
          }),
        );
      } catch (error) {
        logFailure("waiting_not_called_upon", error, { database, lane });
      }
    }
  }
}
