import { FULL_MEMORY_MS } from "../limits.ts";
import { settingsOf } from "../settings.ts";
import { databaseNames, placeOf } from "./databases.ts";

/**
 * When a database last said that it is full, in epoch milliseconds. Each isolate only knows what it was told itself.
 */
const fullAt = new Map<string, number>();

/** Notes that a database is full, so that new logs and new events go to another one. */
export function noteFull(database: string, now: number): void {
  fullAt.set(database, now);
}

/**
 * The database for a user's new log: one that is not in `CLOSED_DATABASES` and not full. If there is none, it is any of
 * them, because the log keeps the events in any case.
 *
 * @param now epoch milliseconds
 */
export function chooseDatabase(env: Env, userId: string, now: number): string {
  const bound = databaseNames(env);
  return chooseOpenDatabase(env, userId, now) ?? bound[placeOf(userId, bound.length)]!;
}

/**
 * The same, but null if no database is open.
 *
 * @param except a database that must not be chosen
 */
export function chooseOpenDatabase(env: Env, userId: string, now: number, except?: string): string | null {
  const open = databaseNames(env).filter((name) => name !== except && isOpen(env, name, now));
  return open[placeOf(userId, open.length)] ?? null;
}

/**
 * Whether new events may go to a database, as far as this isolate knows. Does not check that the database is bound,
 * because a removed binding may come back.
 */
export function isOpen(env: Env, database: string, now: number): boolean {
  return !settingsOf(env).closedDatabases.has(database) && now - (fullAt.get(database) ?? -Infinity) >= FULL_MEMORY_MS;
}
