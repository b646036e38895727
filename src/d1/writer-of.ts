import type { D1Writer } from "./d1-writer.ts";
import type { RemoteObject } from "../remote-object.ts";
import { objectOf } from "../object-of.ts";
import { settingsOf } from "../settings.ts";
import { placeOf } from "./databases.ts";
import { writerName } from "./writer-name.ts";

/** A writer, called over RPC. */
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
 * The writer that a user's rows for a database go through. A database has as many as `D1_WRITER_LANES` says: one
 * object takes about a thousand calls a second. A user always has the same one, so that their rows stay in order.
 */
export function writerOf(env: Env, database: string, userId: string): RemoteWriter {
  // Not by the user's id alone: that has chosen the database already, and the lanes would fill unevenly.
  return writerOfLane(env, database, placeOf(`lane ${userId}`, writerLanes(env)));
}

/** The writer of one lane, counted from 0. */
export function writerOfLane(env: Env, database: string, lane: number): RemoteWriter {
  return objectOf(env, env.D1_WRITER, writerName(database, lane)) as unknown as RemoteWriter;
}
