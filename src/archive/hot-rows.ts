import { DAY_MS } from "../d1/hour.ts";
import type { EventRow, RowKey } from "../d1/event-row.ts";
import { keyOfRow, readRows } from "../d1/read-rows.ts";
import { IS_SEALED, sealCountedHours } from "../d1/stale-hours.ts";
import {
  ARCHIVE_CHUNK_BYTES,
  ARCHIVE_CHUNK_ROWS,
  ARCHIVE_PAGE_BYTES,
  ARCHIVE_PAGE_ROWS,
  ARCHIVE_SCAN_ROWS,
  MAX_COUNTED_WAITING_ROWS,
  MAX_ERASED_KEYS,
} from "../limits.ts";
import type { Waiting } from "./job.ts";
import { inTime } from "../d1/in-time.ts";

// What the archive asks of D1. Each statement is bounded in the rows that it reads, and every wait ends: what is not
// answered in time rejects, though it may still take effect.

/** Which rows are old enough: those that happened before `cutoff` and were written before `writtenBefore`. */
export interface Horizon {
  /** Epoch milliseconds. */
  cutoff: number;
  /** Epoch milliseconds. What was written later may still be wanted by a reader of the feed. */
  writtenBefore: number;
}

const KEY = "timestamp, generation, seq, user_id";
const SIZE = "octet_length(properties) + octet_length(context)";

/** The rows past a key (parameters 1 to 4) that happened before a time (parameter 5): a part of them, the first. */
const part = (columns: string, limit: number) =>
  `(SELECT ${columns} FROM events WHERE (${KEY}) > (?1, ?2, ?3, ?4) AND timestamp < ?5 ORDER BY ${KEY} LIMIT ${limit})`;

/** Before all others. */
const START: RowKey = [-1, 0, 0, ""];

/**
 * Reads a page of rows from D1, in the order of their keys.
 *
 * @param after past this key
 * @param to up to this key
 * @param writtenBefore epoch milliseconds
 * @returns at most ARCHIVE_PAGE_ROWS rows and about ARCHIVE_PAGE_BYTES; none at the end
 */
export function readHotRows(
  database: D1Database,
  after: RowKey,
  to: RowKey,
  writtenBefore: number,
): Promise<EventRow[]> {
  const bounds = { after, to, writtenBefore, limit: ARCHIVE_PAGE_ROWS, bytes: ARCHIVE_PAGE_BYTES };
  return inTime(readRows(database, bounds));
}

/**
 * Removes rows from D1 in exactly the revisions that are given; one that changed meanwhile stays. So do rows of hours in
 * which something has come meanwhile that is still to be counted, and of later ones: they leave with a later run.
 */
export async function removeHotRows(
  database: D1Database,
  rows: readonly Pick<EventRow, "timestamp" | "generation" | "seq" | "user_id" | "revision">[],
): Promise<void> {
  for (let start = 0; start < rows.length; start += MAX_ERASED_KEYS) {
    const keys = rows
      .slice(start, start + MAX_ERASED_KEYS)
      .map((row) => [row.timestamp, row.generation, row.seq, row.user_id, row.revision]);
    const remove = database
      .prepare(
        `DELETE FROM events WHERE ${IS_SEALED} AND (${KEY}) IN (
           SELECT hot.timestamp, hot.generation, hot.seq, hot.user_id FROM json_each(?1) AS sent
           JOIN events AS hot ON hot.timestamp = sent.value ->> 0 AND hot.generation = sent.value ->> 1
             AND hot.seq = sent.value ->> 2 AND hot.user_id = sent.value ->> 3 AND hot.revision = sent.value ->> 4)`,
      )
      .bind(JSON.stringify(keys));
    const last = keys.reduce((latest, [timestamp]) => Math.max(latest, timestamp as number), 0);
    await inTime(database.batch([sealCountedHours(database, last), remove]));
  }
}

/** Which of some logs were erased, as "generation user". */
export async function erasedLogs(
  database: D1Database,
  logs: readonly Pick<EventRow, "generation" | "user_id">[],
): Promise<Set<string>> {
  const erased = new Set<string>();
  for (let start = 0; start < logs.length; start += MAX_ERASED_KEYS) {
    const some = logs.slice(start, start + MAX_ERASED_KEYS).map(({ generation, user_id }) => [generation, user_id]);
    const { results } = await inTime(
      database
        .prepare(
          `SELECT erased.generation, erased.user_id FROM json_each(?1) AS sent
           JOIN erased ON erased.generation = sent.value ->> 0 AND erased.user_id = sent.value ->> 1`,
        )
        .bind(JSON.stringify(some))
        .all<Pick<EventRow, "generation" | "user_id">>(),
    );
    for (const log of results) erased.add(textOfLog(log));
  }
  return erased;
}

export function textOfLog({ generation, user_id }: Pick<EventRow, "generation" | "user_id">): string {
  return `${generation} ${user_id}`;
}

/**
 * The first row that is old enough.
 *
 * @param after past this key; null for the beginning
 * @param until looks no further after this, in epoch milliseconds
 * @returns null where there is none, "later" where the time was up before that was known
 */
export async function firstHotRow(
  database: D1Database,
  after: RowKey | null,
  { cutoff, writtenBefore }: Horizon,
  until: number,
): Promise<RowKey | null | "later"> {
  let from = after ?? START;
  // Mostly one of the first will do. Behind many that were written lately, the rest is searched in larger parts.
  for (let rows = 100; ; rows = ARCHIVE_SCAN_ROWS) {
    const { results } = await inTime(
      database
        .prepare(
          `WITH part AS MATERIALIZED ${part(`${KEY}, written_at`, rows)}
           SELECT * FROM (SELECT ${KEY}, 1 AS is_old FROM part WHERE written_at < ?6 ORDER BY ${KEY} LIMIT 1)
           UNION ALL SELECT * FROM (SELECT ${KEY}, 0 FROM part
             ORDER BY timestamp DESC, generation DESC, seq DESC, user_id DESC LIMIT 1)`,
        )
        .bind(...from, cutoff, writtenBefore)
        .all<EventRow & { is_old: number }>(),
    );
    const old = results.find(({ is_old }) => is_old === 1);
    const last = results.find(({ is_old }) => is_old === 0);
    if (old) return keyOfRow(old);
    if (!last) return null;
    if (Date.now() >= until) return "later";
    from = keyOfRow(last);
  }
}

/**
 * Finds where a file ends that begins past a row.
 *
 * @param horizon of which `cutoff` may be earlier: only rows that happened before it
 * @returns the last row of as many as fit ARCHIVE_CHUNK_ROWS and ARCHIVE_CHUNK_BYTES; null where there is none
 */
export async function endOfChunk(
  database: D1Database,
  after: RowKey,
  { cutoff, writtenBefore }: Horizon,
): Promise<RowKey | null> {
  const { results } = await inTime(
    database
      .prepare(
        `SELECT ${KEY} FROM (
           SELECT ${KEY}, row_number() OVER in_order AS number, sum(bytes) OVER in_order AS bytes
           FROM (SELECT ${KEY}, bytes FROM ${part(`${KEY}, ${SIZE} AS bytes, written_at`, ARCHIVE_SCAN_ROWS)}
                 WHERE written_at < ?6 ORDER BY ${KEY} LIMIT ${ARCHIVE_CHUNK_ROWS})
           WINDOW in_order AS (ORDER BY ${KEY} ROWS UNBOUNDED PRECEDING))
         WHERE number = 1 OR bytes <= ${ARCHIVE_CHUNK_BYTES} ORDER BY number DESC LIMIT 1`,
      )
      .bind(...after, cutoff, writtenBefore)
      .all<EventRow>(),
  );
  const [row] = results;
  return row ? keyOfRow(row) : null;
}

/** Counts what is old enough among the first MAX_COUNTED_WAITING_ROWS rows. */
export async function countWaiting(database: D1Database, { cutoff, writtenBefore }: Horizon): Promise<Waiting> {
  const counted = await inTime(
    database
      .prepare(
        `SELECT count(*) AS rows, count(DISTINCT timestamp / ${DAY_MS}) AS days
         FROM ${part("timestamp, written_at", MAX_COUNTED_WAITING_ROWS)} WHERE written_at < ?6`,
      )
      .bind(...START, cutoff, writtenBefore)
      .first<Waiting>(),
  );
  return counted!;
}

/**
 * Removes rows of the feed whose events may leave D1, and from this moment on a reader who has not read them is told so.
 * The newest row stays, though empty: its position must not be given out again. By the clock of a writer, rows may lie a
 * little out of order; then some go that are younger, and none stays that is older.
 */
export async function removeOldFeed(database: D1Database, writtenBefore: number): Promise<void> {
  const remove = database
    .prepare(
      `DELETE FROM feed WHERE position < (SELECT max(position) FROM feed) AND position <= (
         SELECT max(position) FROM (SELECT position, written_at FROM feed ORDER BY position LIMIT ${MAX_ERASED_KEYS})
         WHERE written_at < ?1)`,
    )
    .bind(writtenBefore);
  while ((await inTime(remove.run())).meta.changes === MAX_ERASED_KEYS);
  await inTime(
    database
      .prepare(
        `UPDATE feed SET events = 0, keys = '[]'
         WHERE position = (SELECT max(position) FROM feed) AND written_at < ?1 AND erased IS NULL AND events > 0`,
      )
      .bind(writtenBefore)
      .run(),
  );
}

/** How large the database is. */
export async function databaseBytes(database: D1Database): Promise<number> {
  const { meta } = await inTime(database.prepare("SELECT 1").run());
  return meta.size_after;
}
