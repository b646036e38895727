import { databaseNamed, databaseNames } from "../d1/databases.ts";
import { DAY_MS } from "../d1/retention.ts";
import { COUNTER_DAYS, MAX_ROLLUP_RUN_MS, MAX_ROLLUP_STEPS, STATEMENT_TIMEOUT_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { orTimeout } from "../or-timeout.ts";
import { floorTo, HOUR_MS } from "./hour.ts";
import { recountDay, recountHour } from "./recount.ts";
import { markTouched } from "./touched.ts";

/** What a run may use up. The next one takes what is left. */
interface Budget {
  steps: number;
  /** Epoch milliseconds. */
  until: number;
}

/**
 * Brings the counters of every database up to date. Never throws: the next run goes on, and no database waits for one
 * that fails.
 *
 * @param clock epoch milliseconds
 */
export async function rollUp(env: Env, clock: () => number): Promise<void> {
  const until = clock() + MAX_ROLLUP_RUN_MS;
  await Promise.all(
    databaseNames(env).map(async (name) => {
      try {
        await rollUpDatabase(databaseNamed(env, name), { steps: MAX_ROLLUP_STEPS, until }, clock);
      } catch (error) {
        logFailure("rollup_failed", error, { database: name });
      }
    }),
  );
}

/**
 * Counts anew what was touched in one database: hours that are over, and days, each step a transaction of its own. An
 * hour that is not over yet would only have to be counted again. Users of a day take a look at the whole day, so that
 * happens once an hour. Rejects with what D1 throws, or when it does not answer.
 */
export async function rollUpDatabase(database: D1Database, budget: Budget, clock: () => number): Promise<void> {
  let steps = 0;
  const mayGoOn = () => steps++ < budget.steps && clock() < budget.until;
  const inTime = <T>(answer: Promise<T>) =>
    orTimeout(answer, STATEMENT_TIMEOUT_MS, () => new Error("D1 did not answer"));

  while (mayGoOn()) {
    const results = await inTime(database.batch(markTouched(database)));
    if (results.at(-1)!.meta.changes === 0) break;
  }
  const now = clock();
  const stale = async (table: "stale_hours" | "stale_days", name: string, before: number) => {
    const sql = `SELECT ${name} AS span FROM ${table} WHERE ${name} < ?1 ORDER BY 1 LIMIT ${budget.steps}`;
    const { results } = await inTime(database.prepare(sql).bind(before).all<{ span: number }>());
    return results.map(({ span }) => span);
  };
  // The oldest first: they are the next to leave D1.
  for (const hour of await stale("stale_hours", "hour", floorTo(HOUR_MS, now))) {
    if (!mayGoOn()) return;
    await inTime(database.batch(recountHour(database, hour)));
  }
  if (new Date(now).getUTCMinutes() >= MINUTES_BETWEEN_RUNS) return;
  for (const day of await stale("stale_days", "day", now)) {
    if (!mayGoOn()) return;
    await inTime(database.batch(recountDay(database, day)));
  }
  await inTime(database.batch(forgetOldCounters(database, now)));
}

/** As the cron in wrangler.toml has it. */
const MINUTES_BETWEEN_RUNS = 10;

function forgetOldCounters(database: D1Database, now: number): D1PreparedStatement[] {
  const oldest = now - COUNTER_DAYS * DAY_MS;
  return [
    "DELETE FROM hourly WHERE hour < ?1",
    "DELETE FROM daily WHERE day < ?1",
    "DELETE FROM tallies WHERE hour < ?1",
  ].map((sql) => database.prepare(sql).bind(oldest));
}
