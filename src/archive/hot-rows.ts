import { DAY_MS } from "../d1/hour.ts";
import type { EventRow, RowKey } from "../d1/event-row.ts";
import { DELETE_OLD_FEED, EMPTY_OLD_FEED } from "../d1/old-feed.ts";
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
  RETENTION_CHUNK_ROWS,
} from "../limits.ts";
import type { Waiting } from "./job.ts";
import { inTime } from "../d1/in-time.ts";

// The queries that the archive sends to D1. Each reads a bounded number of rows. Each rejects if D1 does not answer
// within STATEMENT_TIMEOUT_MS, but it may still take effect.

/** Which rows are old enough: their events happened before `cutoff`, and they were written before `writtenBefore`. */
export interface Horizon {
  /** Epoch milliseconds. */
  cutoff: number;
  /** Epoch milliseconds. A reader of the feed may still need rows that were written later. */
  writtenBefore: number;
}

const KEY = "timestamp, generation, seq, user_id";
const SIZE = "octet_length(properties) + octet_length(context)";

/** SQL for the first rows after a key (parameters 1 to 4) whose events happened before a time (parameter 5). */
const part = (columns: string, limit: number) =>
  `(SELECT ${columns} FROM events WHERE (${KEY}) > (?1, ?2, ?3, ?4) AND timestamp < ?5 ORDER BY ${KEY} LIMIT ${limit})`;

/** A key before all others. */
const START: RowKey = [-1, 0, 0, ""];

/**
 * Reads a page of rows from D1, in the order of their keys.
 *
 * @param after only rows after this key
 * @param to only rows up to and including this key
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
 * Removes rows from D1, but only in the given revisions; a row that has changed stays. Rows of an hour that has to be
 * counted again, and of later hours, stay as well and leave in a later run. Returns how many rows were removed.
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

/** Which of the logs were erased, each as the text that `textOfLog` makes. */
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
 * Finds the first row that is old enough.
 *
 * @param after only rows after this key; null for the beginning
 * @param until the search ends at this time, in epoch milliseconds
 * @returns the row's key; null if there is none, or "later" if the time was up first
 */
export async function firstHotRow(
  database: D1Database,
  after: RowKey | null,
  { cutoff, writtenBefore }: Horizon,
  until: number,
): Promise<RowKey | null | "later"> {
  let from = after ?? START;
  // Usually one of the first rows is old enough. After many that were written recently, larger parts are searched.
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
 * Finds the last row of a file whose rows come after a key.
 *
 * @param horizon which rows are old enough; its `cutoff` may be earlier, to end the file with a day
 * @returns the last row that fits ARCHIVE_CHUNK_ROWS and ARCHIVE_CHUNK_BYTES; null if there are no rows
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

/** Counts how many of the first MAX_COUNTED_WAITING_ROWS rows are old enough. */
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

/** Removes rows of the feed whose events may leave D1; see old-feed.ts. */
export async function removeOldFeed(database: D1Database, writtenBefore: number): Promise<void> {
  const remove = database.prepare(DELETE_OLD_FEED).bind(writtenBefore);
  while ((await inTime(remove.run())).meta.changes >= RETENTION_CHUNK_ROWS);
  await inTime(database.prepare(EMPTY_OLD_FEED).bind(writtenBefore).run());
}

/** The size of the database, in bytes. */
export async function databaseBytes(database: D1Database): Promise<number> {
  const { meta } = await inTime(database.prepare("SELECT 1").run());
  return meta.size_after;
}
