import { ROLLUP_WINDOW_KEYS } from "../limits.ts";
import { HOUR_MS } from "../d1/hour.ts";
import { markStale } from "../d1/stale-hours.ts";

/**
 * SQL for the position up to which the feed is examined at once: the entry with which the given number of keys is
 * reached. Null at the feed's end.
 *
 * @param keys a number, as SQL
 */
export function endOfLook(keys: number): string {
  return `(SELECT max(position) FROM (
    SELECT position, sum(events) OVER (ORDER BY position) - events AS before
    FROM (SELECT position, events FROM feed WHERE position > (SELECT position FROM rollup)
          ORDER BY position LIMIT ${keys}))
  WHERE before < ${keys})`;
}

/** SQL for the feed's keys from the roll-up's position up to an end, as `sent`: json_each of each entry's keys. */
export function keysUpTo(end: string): string {
  return `rollup CROSS JOIN feed ON feed.position > rollup.position AND feed.position <= ${end}
    CROSS JOIN json_each(feed.keys) AS sent`;
}

const FIX_END = `UPDATE rollup SET next = end_of_look.position
  FROM (SELECT ${endOfLook(ROLLUP_WINDOW_KEYS)} AS position) AS end_of_look WHERE end_of_look.position IS NOT NULL`;

/**
 * An hour is sealed once its events have begun to leave D1, and cannot be counted again. An event in it is added when
 * its first revision arrives; later revisions belong to an event that was counted. Distinct users cannot be added up,
 * so the greater number is kept.
 */
const ADD_TO_SEALED_HOURS = `
INSERT INTO hourly (hour, event, source, events, users)
SELECT events.timestamp - events.timestamp % ${HOUR_MS}, events.event, coalesce(events.source, ''), count(*),
  count(DISTINCT events.user_id)
FROM ${keysUpTo("rollup.next")} CROSS JOIN events
  ON events.timestamp = sent.value ->> 0 AND events.generation = sent.value ->> 1 AND events.seq = sent.value ->> 2
WHERE sent.value ->> 0 < rollup.sealed_before AND sent.value ->> 3 = 1
GROUP BY 1, 2, 3
ON CONFLICT DO UPDATE SET events = hourly.events + excluded.events, users = max(hourly.users, excluded.users)`;

const MARK_STALE = markStale(
  "sent.value ->> 0",
  `FROM ${keysUpTo("rollup.next")} WHERE sent.value ->> 0 >= rollup.sealed_before`,
);

const GO_ON = "UPDATE rollup SET position = next WHERE position < next";

/**
 * Examines the feed's next entries and marks what they touch. All of it is one transaction, and each statement reads
 * the position from the table, so neither a crash nor a second run counts anything twice.
 */
export function markTouched(database: D1Database): D1PreparedStatement[] {
  return [FIX_END, ADD_TO_SEALED_HOURS, ...MARK_STALE, GO_ON].map((sql) => database.prepare(sql));
}
