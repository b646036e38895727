import { HEALTH_TIMEOUT_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { orTimeout } from "../or-timeout.ts";
import { databaseNamed, databaseNames } from "./databases.ts";

/** "unmigrated": the database answers, but the table of events is not there yet. */
type DatabaseHealth = "ok" | "timeout" | "unmigrated" | "failed";

/** Each bound database by its binding's name. */
export type DatabasesHealth = Record<string, DatabaseHealth>;

const TIMEOUT = "D1 did not answer";

/** Asks every database, all at once, for at most HEALTH_TIMEOUT_MS. Never rejects: a database that is away is an answer. */
export async function checkDatabases(env: Env): Promise<DatabasesHealth> {
  const checks = databaseNames(env).map(async (name) => [name, await check(env, name)] as const);
  return Object.fromEntries(await Promise.all(checks));
}

/** Never throws: a database that is away is an answer. */
async function check(env: Env, name: string): Promise<DatabaseHealth> {
  try {
    const question = databaseNamed(env, name).prepare("SELECT position FROM events LIMIT 1").run();
    await orTimeout(question, HEALTH_TIMEOUT_MS, TIMEOUT);
    return "ok";
  } catch (error) {
    logFailure("d1_unhealthy", error, { database: name });
    if (error instanceof Error && error.message === TIMEOUT) return "timeout";
    return /no such table/i.test(String(error)) ? "unmigrated" : "failed";
  }
}
