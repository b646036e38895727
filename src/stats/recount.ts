import { DAY_MS, HOUR_MS } from "../d1/hour.ts";
import { MAX_HOURLY_NAMES } from "../limits.ts";

/**
 * Whether the span ?1 can be counted from `events`: nothing of it has left, and every event that is there was looked
 * at. One that comes to be looked at later must not be in a sealed hour twice.
 */
const IS_COUNTABLE = `EXISTS (SELECT 1 FROM rollup WHERE ?1 >= sealed_before
  AND position >= coalesce((SELECT max(position) FROM feed), 0))`;

/** A span that is sealed has no need to be marked any longer. */
const IS_DONE = `(${IS_COUNTABLE} OR ?1 < (SELECT sealed_before FROM rollup))`;

const COUNT_HOUR = `
INSERT INTO hourly (hour, event, source, events, users)
SELECT ?1, iif(place <= ${MAX_HOURLY_NAMES}, event, ''), iif(place <= ${MAX_HOURLY_NAMES}, source, ''),
  sum(events), sum(users)
FROM (
  SELECT event, coalesce(source, '') AS source, count(*) AS events, count(DISTINCT user_id) AS users,
    row_number() OVER (ORDER BY count(*) DESC, event, source) AS place
  FROM events WHERE timestamp >= ?1 AND timestamp < ?1 + ${HOUR_MS} AND ${IS_COUNTABLE} GROUP BY 1, 2)
GROUP BY 2, 3`;

/** Counts an hour anew, in one transaction. The last statement changes nothing where it cannot be counted now. */
export function recountHour(database: D1Database, hour: number): D1PreparedStatement[] {
  return [
    `DELETE FROM hourly WHERE hour = ?1 AND ${IS_COUNTABLE}`,
    COUNT_HOUR,
    `DELETE FROM stale_hours WHERE hour = ?1 AND ${IS_DONE}`,
  ].map((sql) => database.prepare(sql).bind(hour));
}

const COUNT_DAY = `
INSERT INTO daily (day, users)
SELECT ?1, count(DISTINCT user_id) FROM events
WHERE timestamp >= ?1 AND timestamp < ?1 + ${DAY_MS} AND ${IS_COUNTABLE} HAVING count(*) > 0`;

/** Counts the users of a day anew. A day of which anything has left keeps its number. */
export function recountDay(database: D1Database, day: number): D1PreparedStatement[] {
  return [
    `DELETE FROM daily WHERE day = ?1 AND ${IS_COUNTABLE}`,
    COUNT_DAY,
    `DELETE FROM stale_days WHERE day = ?1 AND ${IS_DONE}`,
  ].map((sql) => database.prepare(sql).bind(day));
}
