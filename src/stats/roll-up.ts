import { databaseNamed, databaseNames } from "../d1/databases.ts";
import { DAY_MS, floorTo, HOUR_MS } from "../d1/hour.ts";
import { COUNTER_DAYS, MAX_ROLLUP_RUN_MS, MAX_ROLLUP_STATEMENTS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { recountDay, recountHour } from "./recount.ts";
import { markTouched } from "./touched.ts";
import { inTime } from "../d1/in-time.ts";

/** How much one run may do. The next run does what is left. */
interface Budget {
  statements: number;
  /** Epoch milliseconds. */
  until: number;
}

/**
 * Brings the counters of all databases up to date, at the same time, so that none waits for one that fails. Never
 * rejects; the next run continues.
 *
 * @param clock returns epoch milliseconds
 */
export async function rollUp(env: Env, clock: () => number): Promise<void> {
  const names = databaseNames(env);
  const budget = {
    statements: Math.floor(MAX_ROLLUP_STATEMENTS / names.length),
    until: clock() + MAX_ROLLUP_RUN_MS,
  };
  await Promise.all(
    names.map(async (name) => {
      try {
        await rollUpDatabase(databaseNamed(env, name), budget, clock);
      } catch (error) {
        logFailure("rollup_failed", error, { database: name });
      }
    }),
  );
}

/**
 * Counts again the hours and days of one database that have changed, each in its own transaction. Hours that are not
 * over yet are left out, because they would have to be counted once more. Counting the users of a day reads the whole
 * day, so this happens only once an hour. Rejects with what D1 throws, or if D1 does not answer.
 */
export async function rollUpDatabase(database: D1Database, budget: Budget, clock: () => number): Promise<void> {
  let statements = 0;
  /** Returns how many rows the last statement has changed; null if the budget is used up. */
  const run = async (batch: D1PreparedStatement[]): Promise<number | null> => {
    statements += batch.length;
    if (statements > budget.statements || clock() >= budget.until) return null;
    const answer = database.batch(batch);
    const results = await inTime(answer);
    return results.at(-1)!.meta.changes;
  };
  const mark = async () => {
    while (await run(markTouched(database)));
  };
  const recountSome = async (table: string, name: string, before: number, recount: typeof recountHour) => {
    // Hours and days each get at most half of the statements, so that neither keeps the other waiting.
    const most = Math.ceil(budget.statements / 2 / STATEMENTS_PER_RECOUNT);
    // The oldest come first, because they are the next to leave D1.
    const sql = `SELECT ${name} AS span FROM ${table} WHERE ${name} < ?1 ORDER BY 1 LIMIT ${most}`;
    const { results } = await database.prepare(sql).bind(before).all<{ span: number }>();
    for (const { span } of results) {
      if ((await run(recount(database, span))) !== 0) continue;
      // New events arrived meanwhile, so the span could not be counted. Mark what they touch and try again.
      await mark();
      await run(recount(database, span));
    }
  };
  await mark();
  const now = clock();
  await recountSome("stale_hours", "hour", floorTo(HOUR_MS, now), recountHour);
  if (new Date(now).getUTCMinutes() >= MINUTES_BETWEEN_RUNS) return;
  await recountSome("stale_days", "day", now, recountDay);
  await run(forgetOldCounters(database, now));
}

const STATEMENTS_PER_RECOUNT = 3;

/** The interval of the cron in wrangler.toml. */
const MINUTES_BETWEEN_RUNS = 10;

function forgetOldCounters(database: D1Database, now: number): D1PreparedStatement[] {
  const oldest = now - COUNTER_DAYS * DAY_MS;
  return [
    "DELETE FROM hourly WHERE hour < ?1",
    "DELETE FROM daily WHERE day < ?1",
    "DELETE FROM shared_days WHERE day < ?1",
    "DELETE FROM tallies WHERE hour < ?1",
  ].map((sql) => database.prepare(sql).bind(oldest));
}
