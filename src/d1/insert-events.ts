import { EVENT_ROW_COLUMNS } from "./event-row.ts";
import { DAY_MS, floorTo } from "./hour.ts";
import { writtenAt } from "./written-at.ts";

// D1 allows 100 bound parameters, so the rows are sent as one JSON array. `place` is a row's index in it.
const SENT = `SELECT ${EVENT_ROW_COLUMNS.map((column, index) => `value ->> ${index} AS ${column}`).join(", ")}`;

// LIMIT -1 is no limit, but it keeps SQLite from merging the subquery into the outer one. Otherwise a row's JSON would
// be parsed again for every mention of one of its columns.
//
// A statement that was made before the database's epoch rose fails on purpose, because the text is not JSON. A log was
// told which events the database has, and a late statement must not make that wrong.
const FROM = `FROM (SELECT key, value FROM json_each(
  iif((SELECT epoch FROM incarnation) = ?4, ?1, 'the epoch has risen')) LIMIT -1) LIMIT -1`;

/** Leaves out rows of erased logs, and rows that retention would remove again. */
const IS_WANTED = `sent.timestamp >= ?2 AND NOT EXISTS
  (SELECT 1 FROM erased WHERE erased.generation = sent.generation AND erased.user_id = sent.user_id)`;

/**
 * Runs before the insertion, while `events` still shows which of the rows are new. A row may be in one statement twice,
 * if its log timed out and sent it again while the first call was still in the writer's line.
 */
const APPEND_TO_FEED = `
INSERT INTO feed (written_at, events, keys)
SELECT ${writtenAt("?3")}, count(*), json_group_array(json_array(timestamp, generation, seq, revision) ORDER BY place)
FROM (
  SELECT sent.timestamp, sent.generation, sent.seq, max(sent.revision) AS revision, min(sent.place) AS place
  FROM (${SENT}, key AS place ${FROM}) AS sent
  LEFT JOIN events AS known ON known.timestamp = sent.timestamp AND known.generation = sent.generation
    AND known.seq = sent.seq AND known.user_id = sent.user_id
  WHERE sent.revision > coalesce(known.revision, 0) AND ${IS_WANTED}
  GROUP BY sent.timestamp, sent.generation, sent.seq, sent.user_id)
HAVING count(*) > 0`;

const INSERT_EVENTS = `
INSERT INTO events (${EVENT_ROW_COLUMNS.join(", ")}, written_at)
SELECT *, ${writtenAt("?3")} FROM (${SENT} ${FROM}) AS sent WHERE ${IS_WANTED}
ON CONFLICT (timestamp, generation, seq, user_id) DO UPDATE SET
  revision = excluded.revision,
  properties = excluded.properties,
  context = excluded.context,
  written_at = excluded.written_at
WHERE excluded.revision > events.revision`;

const SHARE_DAYS = "INSERT OR IGNORE INTO shared_days (day) SELECT value FROM json_each(?1)";

interface Insertion {
  /** The database's epoch when the statement was made; see `epochOf`. */
  epoch?: number;
  /** Times of rows, in epoch milliseconds, whose users may have events of the same day in another database. */
  shared?: readonly number[];
}

/**
 * Appends rows to D1, in one transaction. Idempotent: if D1 has a row in the same or a newer revision, neither the row
 * nor the feed changes. So the rows can be sent again if it is unknown whether a statement succeeded. Rejects with what
 * D1 throws; the caller keeps the rows and sends them again.
 *
 * @param rows encoded by `encodeEventRow`, together at most MAX_STATEMENT_EVENTS and MAX_STATEMENT_BYTES
 * @param oldest events that happened before this time (epoch milliseconds) are left out
 * @param now epoch milliseconds
 * @returns the database's size afterwards, in bytes
 */
export async function insertEvents(
  database: D1Database,
  rows: readonly string[],
  oldest: number,
  now: number,
  { epoch = 0, shared = [] }: Insertion = {},
): Promise<number> {
  const json = `[${rows.join(",")}]`;
  const days = [...new Set(shared.map((time) => floorTo(DAY_MS, time)))];
  const [, inserted] = await database.batch([
    database.prepare(APPEND_TO_FEED).bind(json, oldest, now, epoch),
    database.prepare(INSERT_EVENTS).bind(json, oldest, now, epoch),
    ...(days.length > 0 ? [database.prepare(SHARE_DAYS).bind(JSON.stringify(days))] : []),
  ]);
  return inserted!.meta.size_after;
}
