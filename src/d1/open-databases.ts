import { FULL_MEMORY_MS } from "../limits.ts";
import { settingsOf } from "../settings.ts";
import { databaseNames, placeOf } from "./databases.ts";

/** When a database has last said that it is full, in epoch milliseconds. An isolate finds out by itself. */
const fullAt = new Map<string, number>();

/** Notes that a database is full: logs that begin from now on choose another. */
export function noteFull(database: string, now: number): void {
  fullAt.set(database, now);
}

/**
 * The database for a user's log that is begun now: one that `CLOSED_DATABASES` does not name and that is not full. Where
 * none is left, any of them, since an event is kept in its log in any case. The log keeps its choice.
 *
 * @param now epoch milliseconds
 */
export function chooseDatabase(env: Env, userId: string, now: number): string {
  const bound = databaseNames(env);
  const { closedDatabases } = settingsOf(env);
  const open = bound.filter(
    (name) => !closedDatabases.has(name) && now - (fullAt.get(name) ?? -Infinity) >= FULL_MEMORY_MS,
  );
  const names = open.length > 0 ? open : bound;
  return names[placeOf(userId, names.length)]!;
}
