import { objectOf } from "../object-of.ts";
import type { RemoteObject } from "../remote-object.ts";
import type { Archiver } from "./archiver.ts";

/** The methods of an archiver that are called over RPC. */
type RemoteArchiver = RemoteObject<Archiver, "run" | "erase" | "removeArchivedFromD1" | "status">;

/** The archiver of a database, by the database's binding. */
export function archiverOf(env: Env, database: string): RemoteArchiver {
  return objectOf(env, env.ARCHIVER, database);
}
