import { DAY_MS, HOUR_MS } from "../d1/hour.ts";
import {
  MAX_DAY_EVENTS_READ,
  MAX_SCANNED_ROWS,
  MAX_STALE_HOURS_READ,
  MAX_STATS_ROWS,
  MAX_UNCOUNTED_KEYS,
} from "../limits.ts";
import { type Dimension, spanOf, type StatsQuery, type StatsRow } from "./stats-query.ts";
import { endOfLook, keysUpTo } from "./touched.ts";

/** The counts of one database. `isWhole` is false if they do not cover all events of the range. */
interface Counts {
  rows: StatsRow[];
  isWhole: boolean;
}

/** SQL for the hours or days between ?1 and ?2 that the roll-up still has to count, newest first. */
function staleSpans(table: string, name: string, length: number): string {
  return `SELECT span FROM (
      SELECT ${name} AS span FROM ${table}
      UNION
      SELECT (sent.value ->> 0) - (sent.value ->> 0) % ${length} FROM ${keysUpTo(endOfLook(MAX_UNCOUNTED_KEYS))}), rollup
    WHERE span >= ?1 AND span < ?2 AND span >= rollup.sealed_before ORDER BY span DESC`;
}

/** The columns of `counted` for each dimension. */
const COLUMNS: Partial<Record<Dimension, (span: number) => string>> = {
  minute: () => "hour AS time",
  hour: () => "hour AS time",
  day: (span) => `hour - hour % ${span} AS time`,
  event: () => "event",
  key: () => "source AS key",
};

const OF_QUERY = "event = coalesce(?3, event) AND source = coalesce(?4, source)";

/** Reads hours that are rolled up from the counters, and others from `events`. */
function countedHours(): string {
  return `
WITH all_stale AS MATERIALIZED (${staleSpans("stale_hours", "hour", HOUR_MS)}),
stale AS MATERIALIZED (SELECT span FROM all_stale LIMIT ${MAX_STALE_HOURS_READ}),
counted AS (
  SELECT hour, event, source, events, users FROM hourly
  WHERE hour >= ?1 AND hour < ?2 AND hour NOT IN (SELECT span FROM stale)
  UNION ALL
  SELECT stale.span, events.event, coalesce(events.source, ''), count(*), count(DISTINCT events.user_id)
  FROM stale CROSS JOIN events ON events.timestamp >= stale.span AND events.timestamp < stale.span + ${HOUR_MS}
  GROUP BY 1, 2, 3)`;
}

/** Null on a day that several databases share, because the same users may be in the others. */
const USERS = `iif(hour - hour % ${DAY_MS} IN (SELECT day FROM shared_days), NULL, sum(users))`;

const COUNTED_MINUTES = `
WITH counted AS (
  SELECT timestamp - timestamp % 60000 AS hour, event, source, count(*) AS events, count(DISTINCT user_id) AS users
  FROM (SELECT timestamp, event, coalesce(source, '') AS source, user_id FROM events
        WHERE timestamp >= ?1 AND timestamp < ?2 ORDER BY timestamp DESC LIMIT ${MAX_SCANNED_ROWS})
  GROUP BY 1, 2, 3)`;

/**
 * Counts the events of one database. Hours that are rolled up are read from the counters and the rest from `events`, so
 * the numbers are current. Rejects with what D1 throws.
 */
export async function readCounters(database: D1Database, query: StatsQuery): Promise<Counts> {
  const { from, to, by, event, key } = query;
  const isByMinute = by.has("minute");
  const dimensions = [...by].flatMap((dimension) => COLUMNS[dimension]?.(spanOf(by)) ?? []);
  const columns = dimensions.map((column) => `${column}, `).join("");
  // The counters have users for each hour, name and key. Adding them up would count some users twice.
  const hasUsers = (by.has("hour") || isByMinute) && by.has("event") && by.has("key");
  const groups = dimensions.map((_, index) => index + 1).join(", ");
  const sql = `${isByMinute ? COUNTED_MINUTES : countedHours()}
    SELECT ${columns}sum(events) AS events${hasUsers ? `, ${USERS} AS users` : ""} FROM counted WHERE ${OF_QUERY}
    ${groups && `GROUP BY ${groups}`} HAVING sum(events) > 0 ORDER BY events DESC LIMIT ${MAX_STATS_ROWS + 1}`;
  const [counted, wholeness] = await database.batch<never>([
    database.prepare(sql).bind(from, to, event ?? null, key ?? null),
    isByMinute ? database.prepare(IS_WHOLE_BY_MINUTE).bind(from, to) : database.prepare(IS_WHOLE).bind(from, to),
  ]);
  const [{ isWhole }] = wholeness!.results as unknown as [{ isWhole: number }];
  return { rows: counted!.results, isWhole: isWhole === 1 };
}

const IS_WHOLE_BY_MINUTE = `SELECT count(*) <= ${MAX_SCANNED_ROWS} AS isWhole
  FROM (SELECT 1 FROM events WHERE timestamp >= ?1 AND timestamp < ?2 LIMIT ${MAX_SCANNED_ROWS} + 1)`;

/** Whether all stale hours were counted from `events`, and the whole feed was examined for them. */
const IS_WHOLE = `SELECT
  (SELECT count(*) FROM (${staleSpans("stale_hours", "hour", HOUR_MS)})) <= ${MAX_STALE_HOURS_READ}
  AND coalesce((SELECT max(position) FROM feed) <= ${endOfLook(MAX_UNCOUNTED_KEYS)}, true) AS isWhole`;

/**
 * Distinct users of a day over all events. `isExact` is false if the number is from the last roll-up and the day has
 * changed since, or if several databases share the day, so that their numbers cannot be added up.
 */
interface DayUsers {
  day: number;
  users: number;
  isExact: number;
}

const DAYS = `
WITH stale AS MATERIALIZED (${staleSpans("stale_days", "day", DAY_MS)}),
-- A day with many events is not counted for each reader.
small AS MATERIALIZED (
  SELECT span FROM stale WHERE (SELECT count(*) FROM (
    SELECT 1 FROM events WHERE timestamp >= span AND timestamp < span + ${DAY_MS} LIMIT ${MAX_DAY_EVENTS_READ} + 1
  )) <= ${MAX_DAY_EVENTS_READ} LIMIT 3)
SELECT day, users, day NOT IN (SELECT span FROM stale) AND day NOT IN (SELECT day FROM shared_days) AS isExact
FROM daily
WHERE day >= ?1 AND day < ?2 AND day NOT IN (SELECT span FROM small)
UNION ALL
SELECT small.span, count(DISTINCT user_id), small.span NOT IN (SELECT day FROM shared_days) FROM small CROSS JOIN events
  ON events.timestamp >= small.span AND events.timestamp < small.span + ${DAY_MS}
GROUP BY small.span`;

/** Counts the users of one database on each day in a range. Rejects with what D1 throws. */
export async function readDayUsers(database: D1Database, from: number, to: number): Promise<DayUsers[]> {
  const { results } = await database.prepare(DAYS).bind(from, to).all<DayUsers>();
  return results;
}
