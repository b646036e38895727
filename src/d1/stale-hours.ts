import { DAY_MS, floorTo, HOUR_MS } from "./hour.ts";

// Whoever removes events has to mark or seal the hours of their counters, in the same transaction or before.

const FIRST_STALE_HOUR = "(SELECT min(hour) FROM stale_hours)";

/**
 * Makes SQL statements that mark hours and days to be counted again.
 *
 * @param time an SQL expression for a time in the hour and day, in epoch milliseconds
 * @param from the rest of the SQL query for these times, beginning with FROM
 */
export function markStale(time: string, from: string): string[] {
  const mark = (table: string, length: number) =>
    `INSERT OR IGNORE INTO ${table} SELECT DISTINCT (${time}) - (${time}) % ${length} ${from}`;
  return [mark("stale_hours", HOUR_MS), mark("stale_days", DAY_MS)];
}

/**
 * Makes statements that mark hours and days to be counted again because events in them are erased.
 *
 * @param times JSON text: an array of arrays that each begin with a time in epoch milliseconds
 */
export function recountHours(database: D1Database, times: string): D1PreparedStatement[] {
  return markStale("value ->> 0", "FROM json_each(?1)").map((sql) => database.prepare(sql).bind(times));
}

/**
 * Seals hours whose events leave D1. They can no longer be counted again, so from now on new events are only added.
 *
 * @param last the time of the latest event that leaves, in epoch milliseconds
 */
export function sealHours(database: D1Database, last: number): D1PreparedStatement {
  return seal(database, last, "?1");
}

/**
 * The same for events that can wait until they are counted: only seals hours before the first one that still has to be
 * counted. Only events of sealed hours may leave; see {@link IS_SEALED}.
 */
export function sealCountedHours(database: D1Database, last: number): D1PreparedStatement {
  return seal(database, last, `min(?1, coalesce(${FIRST_STALE_HOUR}, ?1))`);
}

function seal(database: D1Database, last: number, before: string): D1PreparedStatement {
  return database
    .prepare(`UPDATE rollup SET sealed_before = ${before} WHERE sealed_before < ${before}`)
    .bind(floorTo(HOUR_MS, last) + HOUR_MS);
}

/** An SQL condition: whether the hour of a row of `events` is sealed. */
export const IS_SEALED = "events.timestamp < (SELECT sealed_before FROM rollup)";

/**
 * Which events have been counted: those that happened before `hour` and were written before `writtenAt`, both in epoch
 * milliseconds. Other events must not leave D1 yet, or they would never be counted. Rejects with what D1 throws.
 */
export async function countedUntil(database: D1Database): Promise<{ hour: number; writtenAt: number }> {
  const found = await database.prepare(COUNTED_UNTIL).first<{ hour: number | null; writtenAt: number | null }>();
  return { hour: found?.hour ?? Infinity, writtenAt: found?.writtenAt ?? Infinity };
}

const COUNTED_UNTIL = `SELECT ${FIRST_STALE_HOUR} AS hour,
  (SELECT written_at FROM feed WHERE position > (SELECT position FROM rollup) ORDER BY position LIMIT 1) AS writtenAt`;
