import type { D1Writer } from "./d1-writer.ts";
import { placeOf } from "./databases.ts";
import { writerName } from "./writer-name.ts";

/**
 * The writer that a user's rows for a database go through. A database has as many as `D1_WRITER_LANES` says: one
 * object takes about a thousand calls a second. A user always has the same one, so that their rows stay in order.
 */
export function writerOf(env: Env, database: string, userId: string): DurableObjectStub<D1Writer> {
  const lanes = Math.max(1, Math.floor(Number(env.D1_WRITER_LANES)) || 1);
  // Not by the user's id alone: that has chosen the database already, and the lanes would fill unevenly.
  const name = writerName(database, placeOf(`lane ${userId}`, lanes));
  // An object is made near its first caller and never moves. For a writer, that would be near some user.
  const locationHint = env.LOCATION as DurableObjectLocationHint | "";
  return env.D1_WRITER.getByName(name, locationHint ? { locationHint } : {});
}
