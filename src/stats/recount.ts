import { DAY_MS, HOUR_MS } from "../d1/hour.ts";
import { MAX_HOURLY_NAMES } from "../limits.ts";

/**
 * Whether the span ?1 can be counted from `events`: none of its events have left D1, and the roll-up has examined all
 * of the feed. Otherwise an event that is examined later could be counted twice in a sealed hour.
 */
const IS_COUNTABLE = `EXISTS (SELECT 1 FROM rollup WHERE ?1 >= sealed_before
  AND position >= coalesce((SELECT max(position) FROM feed), 0))`;

/** Whether the mark can be removed: the span was counted, or it is sealed. */
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

/** Counts an hour again, in one transaction. The last statement changes nothing if the hour cannot be counted now. */
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

/** Counts the users of a day again. If any of its events have left D1, the day keeps its number. */
export function recountDay(database: D1Database, day: number): D1PreparedStatement[] {
  return [
    `DELETE FROM daily WHERE day = ?1 AND ${IS_COUNTABLE}`,
    COUNT_DAY,
    `DELETE FROM stale_days WHERE day = ?1 AND ${IS_DONE}`,
  ].map((sql) => database.prepare(sql).bind(day));
}
