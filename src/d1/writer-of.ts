import type { D1Writer } from "./d1-writer.ts";
import type { RemoteObject } from "../remote-object.ts";
import { objectOf } from "../object-of.ts";
import { settingsOf } from "../settings.ts";
import { placeOf } from "./databases.ts";
import { writerName } from "./writer-name.ts";

/** The methods of a writer that are called over RPC. */
export type RemoteWriter = RemoteObject<
  D1Writer,
  | "insert"
  | "erase"
  | "release"
  | "removeLeftovers"
  | "usersAfter"
  | "userCount"
  | "status"
  | "longestWaiting"
  | "laneCount"
  | "endWait"
  | "replayErasures"
  | "rebuild"
  | "saveRebuild"
  | "leave"
  | "expiryWalk"
  | "saveExpiryWalk"
  | "retentionFloor"
  | "raiseRetentionFloor"
  | "forgetErasures"
>;

/** How many writers each database has. */
export function writerLanes(env: Env): number {
  return settingsOf(env).d1WriterLanes;
}

/**
 * The writer for a user's rows in a database. A database has `D1_WRITER_LANES` writers, because one object handles
 * about a thousand calls per second. A user always has the same writer, so that the user's rows stay in order.
 */
export function writerOf(env: Env, database: string, userId: string): RemoteWriter {
  // The prefix gives another hash than the one that has chosen the database. Otherwise the lanes would fill unevenly.
  return writerOfLane(env, database, placeOf(`lane ${userId}`, writerLanes(env)));
}

/**
 * How many lanes a database has or ever had, because the writers of former lanes still list users and erasures. The cron
 * calls this, so that the number is known before it can be lowered.
 */
export async function countLanes(env: Env, database: string): Promise<number> {
  return writerOfLane(env, database, 0).laneCount(writerLanes(env));
}

/** The writer of one lane, counted from 0. */
export function writerOfLane(env: Env, database: string, lane: number): RemoteWriter {
  return objectOf(env, env.D1_WRITER, writerName(database, lane)) as unknown as RemoteWriter;
}
