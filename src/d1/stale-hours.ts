import { DAY_MS, floorTo, HOUR_MS } from "./hour.ts";

// What the counters of an hour have to be told by whoever removes events: in the same transaction, or before.

const FIRST_STALE_HOUR = "(SELECT min(hour) FROM stale_hours)";

/**
 * Statements that have hours and days counted anew.
 *
 * @param time an SQL expression: a time in them, in epoch milliseconds
 * @param from SQL: where the times come from, from FROM on
 */
export function markStale(time: string, from: string): string[] {
  const mark = (table: string, length: number) =>
    `INSERT OR IGNORE INTO ${table} SELECT DISTINCT (${time}) - (${time}) % ${length} ${from}`;
  return [mark("stale_hours", HOUR_MS), mark("stale_days", DAY_MS)];
}

/**
 * Has hours and days counted anew, since events of theirs are erased.
 *
 * @param times JSON: an array of arrays that begin with a time in epoch milliseconds
 */
export function recountHours(database: D1Database, times: string): D1PreparedStatement[] {
  return markStale("value ->> 0", "FROM json_each(?1)").map((sql) => database.prepare(sql).bind(times));
}

/**
 * Seals hours whose events leave D1, so that they are only added to from now on: they could not be counted again.
 *
 * @param last the latest of the times that leave, in epoch milliseconds
 */
export function sealHours(database: D1Database, last: number): D1PreparedStatement {
  return seal(database, last, "?1");
}

/**
 * The same for events that can wait until they are counted: only hours before the first one that is still to be counted.
 * So in the same transaction as the removal, or before: what is not sealed must not leave, see {@link IS_SEALED}.
 */
export function sealCountedHours(database: D1Database, last: number): D1PreparedStatement {
  return seal(database, last, `min(?1, coalesce(${FIRST_STALE_HOUR}, ?1))`);
}

function seal(database: D1Database, last: number, before: string): D1PreparedStatement {
  return database
    .prepare(`UPDATE rollup SET sealed_before = ${before} WHERE sealed_before < ${before}`)
    .bind(floorTo(HOUR_MS, last) + HOUR_MS);
}

/** SQL: whether the hour of the event at hand, a row of `events`, is sealed. */
export const IS_SEALED = "events.timestamp < (SELECT sealed_before FROM rollup)";

/**
 * What the counters have: every event that happened before `hour` and was written before `writtenAt`, in epoch
 * milliseconds. Others must not leave yet, or nobody counts them any more. Rejects with what D1 throws.
 */
export async function countedUntil(database: D1Database): Promise<{ hour: number; writtenAt: number }> {
  const found = await database.prepare(COUNTED_UNTIL).first<{ hour: number | null; writtenAt: number | null }>();
  return { hour: found?.hour ?? Infinity, writtenAt: found?.writtenAt ?? Infinity };
}

const COUNTED_UNTIL = `SELECT ${FIRST_STALE_HOUR} AS hour,
  (SELECT written_at FROM feed WHERE position > (SELECT position FROM rollup) ORDER BY position LIMIT 1) AS writtenAt`;
