import { archiverOf } from "../archive/archiver-of.ts";
import { archiveBucket } from "../archive/bucket.ts";
import { databaseBytes } from "../archive/hot-rows.ts";
import { databaseNamed } from "../d1/databases.ts";
import { ceilTo, HOUR_MS } from "../d1/hour.ts";
import { incarnationOf, newIncarnation } from "../d1/incarnation.ts";
import { newRebuild, type Rebuild } from "../d1/rebuild.ts";
import { copyCutoff } from "../d1/retention.ts";
import { sweepErased } from "../d1/replay-erasures.ts";
import { countLanes, type RemoteWriter, writerOfLane } from "../d1/writer-of.ts";
import {
  MAX_DATABASE_BYTES,
  MAX_ERASED_KEYS,
  MAX_ROLLUP_STATEMENTS,
  REBUILD_CLEARING_SHARE,
  REBUILD_PAGE_USERS,
  REBUILD_SLICE_MS,
} from "../limits.ts";
import { rollUpDatabase } from "../stats/roll-up.ts";
import { hasStaleHours } from "../stats/stale-hours.ts";
import { type CallOutcome, callUserLog } from "./call-user-log.ts";
import type { Redelivered } from "./redelivery.ts";
import type { EventKey } from "./event-table.ts";

interface RebuildAnswer {
  rebuild: Rebuild;
  /** How many users the database has in all. */
  totalUsers: number;
  /** Why it stopped, if something failed. Everything before that is kept. */
  error?: string;
}

/**
 * Rebuilds a database from the logs of its users, or continues to. All events are sent again, and D1 ignores those that
 * it has. Before that, erasures are sent again and rows of erased logs are deleted, because a restore may have brought
 * them back. Rejects only if the writers do not say how many users there are or how far the rebuilding is.
 *
 * @param restart whether to begin again although a rebuilding is under way
 * @param clock returns epoch milliseconds
 * @param until when to stop for now, in epoch milliseconds
 */
export async function rebuildDatabase(
  env: Env,
  database: string,
  { restart, clock, until }: { restart: boolean; clock: () => number; until: number },
): Promise<RebuildAnswer> {
  const count = await countLanes(env, database);
  const lanes = Array.from({ length: count }, (_, lane) => writerOfLane(env, database, lane));
  const [keeper] = lanes;
  const counts = await Promise.all(lanes.map((lane) => lane.userCount()));
  const totalUsers = counts.reduce((sum, users) => sum + users, 0);
  const known = restart ? null : await keeper!.rebuild();
  let rebuild = known && known.stage !== "done" ? known : newRebuild(clock(), "");
  try {
    const d1 = databaseNamed(env, database);
    // If the database was lost or restored again meanwhile, it lacks what it was sent before.
    if (rebuild !== known || known.incarnation !== (await incarnationOf(d1))) {
      rebuild = newRebuild(clock(), await newIncarnation(d1, comesBack(env, clock())));
      await keeper!.saveRebuild(rebuild);
    }
    while (rebuild.stage !== "done" && clock() < until) {
      rebuild = await nextStep(env, database, lanes, rebuild, clock);
      await keeper!.saveRebuild(rebuild);
    }
    return { rebuild, totalUsers };
  } catch (error) {
    return { rebuild, totalUsers, error: String(error) };
  }
}

/**
 * The hour from which on events come back that had already left D1, in epoch milliseconds: all that have not expired if
 * there is an archive, and none otherwise.
 */
function comesBack(env: Env, now: number): number {
  return archiveBucket(env) ? ceilTo(HOUR_MS, copyCutoff(env, now)) : Number.MAX_SAFE_INTEGER;
}

async function nextStep(
  env: Env,
  database: string,
  lanes: readonly RemoteWriter[],
  rebuild: Rebuild,
  clock: () => number,
): Promise<Rebuild> {
  const { stage, afterErasure, afterRow, afterUser } = rebuild;
  const lane = lanes[rebuild.lane];
  if (stage === "sweep") {
    const next = await sweepErased(databaseNamed(env, database), afterRow);
    return next ? { ...rebuild, afterRow: next } : { ...rebuild, stage: "users", lane: 0 };
  }
  if (stage === "archive") return leaveArchived(env, database, lanes.length, rebuild, clock);
  if (!lane && stage === "users") return { ...rebuild, stage: "archive" };
  if (!lane) return { ...rebuild, stage: rebuild.erasures > 0 ? "sweep" : "users", lane: 0 };
  if (stage === "erasures") {
    const told = await lane.replayErasures(afterErasure, MAX_ERASED_KEYS);
    if (!told.next) return { ...rebuild, lane: rebuild.lane + 1, afterErasure: ["", 0] };
    return { ...rebuild, afterErasure: told.next, erasures: rebuild.erasures + told.erasures };
  }
  const users = await lane.usersAfter(afterUser, REBUILD_PAGE_USERS);
  if (users.length === 0) return { ...rebuild, lane: rebuild.lane + 1, afterUser: "" };
  const events = await Promise.all(users.map(({ user_id }) => redeliverAll(env, user_id, database)));
  // With an archive, the logs may hold more events than fit into a database.
  const isFilling = (await databaseBytes(databaseNamed(env, database))) > rebuild.clearAtBytes;
  return {
    ...rebuild,
    stage: isFilling && archiveBucket(env) ? "archive" : "users",
    afterUser: users.at(-1)!.user_id,
    users: rebuild.users + users.length,
    events: events.reduce((sum, count) => sum + count, rebuild.events),
  };
}

/**
 * Removes the events of archived days from D1 again, if the archive has them in the same revision. They are counted for
 * the statistics first, because rows that leave D1 uncounted would never be counted. Then continues with the users that
 * are left.
 */
async function leaveArchived(
  env: Env,
  database: string,
  lanes: number,
  rebuild: Rebuild,
  clock: () => number,
): Promise<Rebuild> {
  const rest = rebuild.lane < lanes ? "users" : "done";
  if (!archiveBucket(env)) return { ...rebuild, stage: rest };
  const d1 = databaseNamed(env, database);
  const now = clock();
  await rollUpDatabase(d1, { statements: MAX_ROLLUP_STATEMENTS, until: now + REBUILD_SLICE_MS }, clock);
  if (await hasStaleHours(d1, now)) return rebuild;
  const afterFile = await archiverOf(env, database).removeArchivedFromD1(rebuild.afterFile);
  if (afterFile !== null) return { ...rebuild, afterFile };
  // The rows that are left belong in D1, so this is only worth repeating after many more have arrived.
  const clearAtBytes = (await databaseBytes(d1)) + REBUILD_CLEARING_SHARE * MAX_DATABASE_BYTES;
  return { ...rebuild, stage: rest, afterFile: null, clearAtBytes };
}

/** Sends all events of a log that belong to a database. Rejects if that fails; the page of users is then repeated. */
async function redeliverAll(env: Env, userId: string, database: string): Promise<number> {
  let events = 0;
  for (let after: EventKey | null = null; ;) {
    const from: EventKey | null = after;
    const call: CallOutcome<Redelivered> = await callUserLog(env, userId, (log) => log.redeliver(database, from));
    if (!call.ok) throw new Error("A user's log cannot be reached", { cause: call.error });
    if (!call.value.ok) throw new Error(call.value.error);
    events += call.value.events;
    after = call.value.next;
    if (after === null) return events;
  }
}
