import { databaseNamed, databaseNames } from "../d1/databases.ts";
import { DAY_MS, floorTo, HOUR_MS } from "../d1/hour.ts";
import { COUNTER_DAYS, MAX_ROLLUP_RUN_MS, MAX_ROLLUP_STATEMENTS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { recountDay, recountHour } from "./recount.ts";
import { markTouched } from "./touched.ts";
import { inTime } from "../d1/in-time.ts";

/** What a run may use up. The next one takes what is left. */
interface Budget {
  statements: number;
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
 * Counts anew what was touched in one database: hours that are over, and days, each in a transaction of its own. An
 * hour that is not over yet would only have to be counted again. The users of a day take a look at the whole day, so
 * that happens once an hour. Rejects with what D1 throws, or when it does not answer.
 */
export async function rollUpDatabase(database: D1Database, budget: Budget, clock: () => number): Promise<void> {
  let statements = 0;
  /** Returns how many rows the last statement has changed; null where the budget is used up. */
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
    // Half of the run's statements at most, so that neither hours nor days wait for the others.
    const most = Math.ceil(budget.statements / 2 / STATEMENTS_PER_RECOUNT);
    // The oldest first: they are the next to leave D1.
    const sql = `SELECT ${name} AS span FROM ${table} WHERE ${name} < ?1 ORDER BY 1 LIMIT ${most}`;
    const { results } = await database.prepare(sql).bind(before).all<{ span: number }>();
    for (const { span } of results) {
      if ((await run(recount(database, span))) !== 0) continue;
      // Something came in between.
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

/** As the cron in wrangler.toml has it. */
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
