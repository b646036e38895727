// What the counters of an hour have to be told by whoever removes events: in the same transaction, or before.

const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;

/**
 * Has hours and days counted anew, since events of theirs are erased.
 *
 * @param times JSON: an array of arrays that begin with a time in epoch milliseconds
 */
export function recountHours(database: D1Database, times: string): D1PreparedStatement[] {
  return [
    ["stale_hours", HOUR],
    ["stale_days", DAY],
  ].map(([table, length]) =>
    database
      .prepare(
        `INSERT OR IGNORE INTO ${table} SELECT DISTINCT (value ->> 0) - (value ->> 0) % ${length} FROM json_each(?1)`,
      )
      .bind(times),
  );
}

/**
 * Seals hours whose events leave D1, so that they are only added to from now on: they could not be counted again.
 *
 * @param last the latest of the times that leave, in epoch milliseconds
 */
export function sealHours(database: D1Database, last: number): D1PreparedStatement {
  return database
    .prepare("UPDATE rollup SET sealed_before = ?1 WHERE sealed_before < ?1")
    .bind(last - (last % HOUR) + HOUR);
}
