import { databaseNames } from "../d1/databases.ts";
import { DAY_MS } from "../d1/hour.ts";
import { logCutoff } from "../d1/retention.ts";
import { countLanes, type RemoteWriter, writerLanes, writerOfLane } from "../d1/writer-of.ts";
import { MAX_WALKED_USERS, TOMBSTONE_DAYS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { settingsOf } from "../settings.ts";
import { callUserLog } from "./call-user-log.ts";
import { inTurns } from "./in-turns.ts";
import { raiseFloor } from "./retention-floor.ts";

/**
 * Makes the logs delete their expired events. Raises the floor below which they may delete, and wakes some logs that
 * may have no alarm for it. Deletes old tombstones as well. Never rejects; the next run tries what failed again.
 *
 * @param now epoch milliseconds
 */
export async function expireLogs(env: Env, now: number): Promise<void> {
  const { retentionDays } = settingsOf(env);
  const mayDelete = await raised(env, now);
  const lanes = (await inTurns(databaseNames(env), (database) => lanesOf(env, database))).flat();
  const share = Math.ceil(MAX_WALKED_USERS / lanes.length);
  for (const { database, lane } of lanes) {
    try {
      const writer = writerOfLane(env, database, lane);
      await writer.forgetErasures(now - TOMBSTONE_DAYS * DAY_MS);
      if (mayDelete) await walkOn(env, writer, retentionDays, share);
    } catch (error) {
      logFailure("expiry_walk_broke_off", error, { database, lane });
    }
  }
}

/** Never rejects; if the first lane does not say which lanes there ever were, those of the setting are taken. */
async function lanesOf(env: Env, database: string): Promise<{ database: string; lane: number }[]> {
  // What is wrong with the first lane is logged when it is asked again.
  const count = await countLanes(env, database).catch(() => writerLanes(env));
  return Array.from({ length: count }, (_, lane) => ({ database, lane }));
}

/** Whether the floor has reached what the setting says. Until then, a log would be woken in vain. */
async function raised(env: Env, now: number): Promise<boolean> {
  if (settingsOf(env).retentionDays === null) return true;
  try {
    return (await raiseFloor(env, now)).deletable >= logCutoff(env, now);
  } catch (error) {
    logFailure("retention_floor_not_raised", error);
    return false;
  }
}

/** Wakes the next logs. One that cannot be reached does not hold up the others; its alarm or the next walk will do. */
async function walkOn(env: Env, writer: RemoteWriter, days: number | null, limit: number): Promise<void> {
  const found = await writer.expiryWalk(days, limit);
  if (!found) return;
  const { walk, users } = found;
  await inTurns(users, async ({ user_id, generation }) => {
    const called = await callUserLog(env, user_id, (log) => log.expire());
    if (!called.ok) logFailure("user_log_unreachable", called.error);
    // The log is empty but still in the directory, as after a crash between the two.
    else if (!called.value) await writer.leave(user_id, generation);
  });
  await writer.saveExpiryWalk({ ...walk, after: users.length < limit ? null : users.at(-1)!.user_id });
}
