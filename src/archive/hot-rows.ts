import { EVENT_ROW_COLUMNS, type EventRow, type RowKey } from "../d1/event-row.ts";
import { sealHours } from "../d1/stale-hours.ts";
import {
  ARCHIVE_CHUNK_BYTES,
  ARCHIVE_CHUNK_ROWS,
  ARCHIVE_PAGE_BYTES,
  ARCHIVE_PAGE_ROWS,
  MAX_ERASED_KEYS,
} from "../limits.ts";

/** Which rows are old enough: those that happened before `cutoff` and were written before `writtenBefore`. */
export interface Horizon {
  /** Epoch milliseconds. */
  cutoff: number;
  /** Epoch milliseconds. What was written later may still be wanted by a reader of the feed. */
  writtenBefore: number;
}

const KEY = "timestamp, generation, seq, user_id";
const SIZE = "octet_length(properties) + octet_length(context)";

/**
 * Reads a page of rows from D1 that are old enough, in the order of their keys.
 *
 * @param after past this key
 * @param before only rows that happened before this time, in epoch milliseconds
 * @returns at most ARCHIVE_PAGE_ROWS rows and about ARCHIVE_PAGE_BYTES; none at the end
 */
export async function readHotRows(
  database: D1Database,
  after: RowKey,
  before: number,
  { writtenBefore }: Pick<Horizon, "writtenBefore">,
): Promise<EventRow[]> {
  const { results } = await database
    .prepare(
      `SELECT ${EVENT_ROW_COLUMNS.join(", ")} FROM (
         SELECT *, sum(${SIZE}) OVER (ORDER BY ${KEY} ROWS UNBOUNDED PRECEDING) - ${SIZE} AS bytes_before
         FROM (SELECT * FROM events WHERE (${KEY}) > (?1, ?2, ?3, ?4) AND timestamp < ?5 AND written_at < ?6
               ORDER BY ${KEY} LIMIT ${ARCHIVE_PAGE_ROWS}))
       WHERE bytes_before < ${ARCHIVE_PAGE_BYTES} ORDER BY ${KEY}`,
    )
    .bind(...after, before, writtenBefore)
    .all<EventRow>();
  return results;
}

export function keyOfRow(row: EventRow): RowKey {
  return [row.timestamp, row.generation, row.seq, row.user_id];
}

/** Removes rows from D1 in exactly the revisions that are given; one that changed meanwhile stays. */
export async function removeHotRows(
  database: D1Database,
  rows: readonly Pick<EventRow, "timestamp" | "generation" | "seq" | "user_id" | "revision">[],
): Promise<number> {
  let removed = 0;
  for (let start = 0; start < rows.length; start += MAX_ERASED_KEYS) {
    const keys = rows
      .slice(start, start + MAX_ERASED_KEYS)
      .map((row) => [row.timestamp, row.generation, row.seq, row.user_id, row.revision]);
    const remove = database
      .prepare(
        `DELETE FROM events WHERE (${KEY}) IN (
           SELECT hot.timestamp, hot.generation, hot.seq, hot.user_id FROM json_each(?1) AS sent
           JOIN events AS hot ON hot.timestamp = sent.value ->> 0 AND hot.generation = sent.value ->> 1
             AND hot.seq = sent.value ->> 2 AND hot.user_id = sent.value ->> 3 AND hot.revision = sent.value ->> 4)`,
      )
      .bind(JSON.stringify(keys));
    const last = keys.reduce((latest, [timestamp]) => Math.max(latest, timestamp as number), 0);
    const [removal] = await database.batch([remove, sealHours(database, last)]);
    removed += removal!.meta.changes;
  }
  return removed;
}

/** Which of some logs were erased, as "generation user". */
export async function erasedLogs(
  database: D1Database,
  logs: readonly Pick<EventRow, "generation" | "user_id">[],
): Promise<Set<string>> {
  const erased = new Set<string>();
  for (let start = 0; start < logs.length; start += MAX_ERASED_KEYS) {
    const part = logs.slice(start, start + MAX_ERASED_KEYS).map(({ generation, user_id }) => [generation, user_id]);
    const { results } = await database
      .prepare(
        `SELECT erased.generation, erased.user_id FROM json_each(?1) AS sent
         JOIN erased ON erased.generation = sent.value ->> 0 AND erased.user_id = sent.value ->> 1`,
      )
      .bind(JSON.stringify(part))
      .all<Pick<EventRow, "generation" | "user_id">>();
    for (const log of results) erased.add(textOfLog(log));
  }
  return erased;
}

export function textOfLog({ generation, user_id }: Pick<EventRow, "generation" | "user_id">): string {
  return `${generation} ${user_id}`;
}

/** The first row that is old enough; null where there is none. */
export async function firstHotRow(database: D1Database, { cutoff, writtenBefore }: Horizon): Promise<RowKey | null> {
  const row = await database
    .prepare(`SELECT ${KEY} FROM events WHERE timestamp < ?1 AND written_at < ?2 ORDER BY ${KEY} LIMIT 1`)
    .bind(cutoff, writtenBefore)
    .first<EventRow>();
  return row && keyOfRow(row);
}

/**
 * Finds where a file ends that begins past a row.
 *
 * @param before only rows that happened before this time, in epoch milliseconds
 * @returns the last row of as many as fit ARCHIVE_CHUNK_ROWS and ARCHIVE_CHUNK_BYTES; null where there is none
 */
export async function endOfChunk(
  database: D1Database,
  after: RowKey,
  before: number,
  { writtenBefore }: Pick<Horizon, "writtenBefore">,
): Promise<RowKey | null> {
  const row = await database
    .prepare(
      `SELECT ${KEY} FROM (
         SELECT ${KEY}, row_number() OVER in_order AS number, sum(bytes) OVER in_order AS bytes
         FROM (SELECT ${KEY}, ${SIZE} AS bytes FROM events
               WHERE (${KEY}) > (?1, ?2, ?3, ?4) AND timestamp < ?5 AND written_at < ?6
               ORDER BY ${KEY} LIMIT ${ARCHIVE_CHUNK_ROWS})
         WINDOW in_order AS (ORDER BY ${KEY} ROWS UNBOUNDED PRECEDING))
       WHERE number = 1 OR bytes <= ${ARCHIVE_CHUNK_BYTES} ORDER BY number DESC LIMIT 1`,
    )
    .bind(...after, before, writtenBefore)
    .first<EventRow>();
  return row && keyOfRow(row);
}

/** Removes rows of the feed whose events may have left D1. The newest one stays: its position is not given out again. */
export async function removeOldFeed(database: D1Database, writtenBefore: number): Promise<void> {
  const statement = database
    .prepare(
      `DELETE FROM feed WHERE written_at < ?1 AND position < (SELECT max(position) FROM feed)
         AND position IN (SELECT position FROM feed ORDER BY position LIMIT ${MAX_ERASED_KEYS})`,
    )
    .bind(writtenBefore);
  while ((await statement.run()).meta.changes === MAX_ERASED_KEYS);
}
