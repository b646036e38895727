import { HEALTH_MEMORY_MS, HEALTH_TIMEOUT_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { orTimeout } from "../or-timeout.ts";
import { databaseNamed, databaseNames } from "./databases.ts";

/** "unmigrated": the database answers, but the table of events is not there yet. */
type DatabaseHealth = "ok" | "timeout" | "unmigrated" | "failed";

/** Each bound database by its binding's name. */
type DatabasesHealth = Record<string, DatabaseHealth>;

const TIMEOUT = "D1 did not answer";

const known = new WeakMap<Env, { at: number; found: Promise<DatabasesHealth> }>();

/**
 * Asks every database, all at once, for at most HEALTH_TIMEOUT_MS. What was found is repeated for HEALTH_MEMORY_MS, and
 * whoever asks meanwhile waits for the same answer; it is kept by env, of which an isolate has one.
 *
 * @param now epoch milliseconds
 */
export function checkDatabases(env: Env, now: number): Promise<DatabasesHealth> {
  const last = known.get(env);
  // The request that asked may have been cancelled, and its answer never come.
  if (last && now - last.at < HEALTH_MEMORY_MS)
    return orTimeout(last.found, HEALTH_TIMEOUT_MS, () => new Error(TIMEOUT)).catch(() => checkAll(env));
  const found = checkAll(env);
  known.set(env, { at: now, found });
  return found;
}

async function checkAll(env: Env): Promise<DatabasesHealth> {
  return Object.fromEntries(
    await Promise.all(databaseNames(env).map(async (name) => [name, await check(env, name)] as const)),
  );
}

/** Never throws: a database that is away is an answer. */
async function check(env: Env, name: string): Promise<DatabaseHealth> {
  try {
    const question = databaseNamed(env, name).prepare("SELECT position FROM feed LIMIT 1").run();
    await orTimeout(question, HEALTH_TIMEOUT_MS, () => new Error(TIMEOUT));
    return "ok";
  } catch (error) {
    logFailure("d1_unhealthy", error, { database: name });
    if (error instanceof Error && error.message === TIMEOUT) return "timeout";
    return /no such table/i.test(String(error)) ? "unmigrated" : "failed";
  }
}
