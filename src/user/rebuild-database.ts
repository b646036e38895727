import { archiverOf } from "../archive/archiver-of.ts";
import { archiveBucket } from "../archive/bucket.ts";
import { databaseBytes } from "../archive/hot-rows.ts";
import { databaseNamed } from "../d1/databases.ts";
import { ceilTo, HOUR_MS } from "../d1/hour.ts";
import { incarnationOf, newIncarnation } from "../d1/incarnation.ts";
import { newRebuild, type Rebuild } from "../d1/rebuild.ts";
import { copyCutoff } from "../d1/retention.ts";
import { sweepErased } from "../d1/replay-erasures.ts";
import { type RemoteWriter, writerLanes, writerOfLane } from "../d1/writer-of.ts";
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
  /** What kept it from going on; what was done until then stays done. */
  error?: string;
}

/**
 * Rebuilds a database from the logs of its users, or goes on with that. Everything is sent again; D1 ignores what it
 * has. First it is told of erasures, and rows of erased logs are removed: a restore may have brought them back.
 *
 * @param restart begins anew, even where a rebuilding is under way
 * @param clock epoch milliseconds
 * @param until when to stop for now
 */
export async function rebuildDatabase(
  env: Env,
  database: string,
  { restart, clock, until }: { restart: boolean; clock: () => number; until: number },
): Promise<RebuildAnswer> {
  const lanes = Array.from({ length: writerLanes(env) }, (_, lane) => writerOfLane(env, database, lane));
  const [keeper] = lanes;
  const counts = await Promise.all(lanes.map((lane) => lane.userCount()));
  const totalUsers = counts.reduce((sum, users) => sum + users, 0);
  const known = restart ? null : await keeper!.rebuild();
  let rebuild = known && known.stage !== "done" ? known : newRebuild(clock(), "");
  try {
    const d1 = databaseNamed(env, database);
    // A database that was lost or restored once more, half-way, lacks what it was told before.
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

/** From when on events come back that had left D1: with an archive all that has not expired, else none. */
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
  // The logs have more than a database holds, if the archive does.
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
 * What the logs have sent of archived days leaves D1 again, in exactly the revisions that the archive has. Before that,
 * it is counted: what was not counted when it leaves is not counted any more. Then the users go on who are left.
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
  // Not again before a good deal has come: what is left are rows that D1 is to have.
  const clearAtBytes = (await databaseBytes(d1)) + REBUILD_CLEARING_SHARE * MAX_DATABASE_BYTES;
  return { ...rebuild, stage: rest, afterFile: null, clearAtBytes };
}

/** Sends all of a log that belongs to a database. Throws where that fails: the page of users is then done again. */
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
