import { FULL_MEMORY_MS } from "../limits.ts";
import { settingsOf } from "../settings.ts";
import { databaseNames, placeOf } from "./databases.ts";

/** When a database has last said that it is full, in epoch milliseconds. An isolate finds out by itself. */
const fullAt = new Map<string, number>();

/** Notes that a database is full: logs that begin or go on from now on choose another. */
export function noteFull(database: string, now: number): void {
  fullAt.set(database, now);
}

/**
 * The database for a user's log that is begun now: one that `CLOSED_DATABASES` does not name and that is not full. Where
 * none is left, any of them, since an event is kept in its log in any case.
 *
 * @param now epoch milliseconds
 */
export function chooseDatabase(env: Env, userId: string, now: number): string {
  const bound = databaseNames(env);
  return chooseOpenDatabase(env, userId, now) ?? bound[placeOf(userId, bound.length)]!;
}

/**
 * The same where an open one is wanted and nothing else; null where there is none.
 *
 * @param except a database that is known not to be open
 */
export function chooseOpenDatabase(env: Env, userId: string, now: number, except?: string): string | null {
  const open = databaseNames(env).filter((name) => name !== except && isOpen(env, name, now));
  return open[placeOf(userId, open.length)] ?? null;
}

/** Whether new events may go to a database, as far as this isolate knows. One that is bound no more may come back. */
export function isOpen(env: Env, database: string, now: number): boolean {
  return !settingsOf(env).closedDatabases.has(database) && now - (fullAt.get(database) ?? -Infinity) >= FULL_MEMORY_MS;
}
