import { EVENT_ROW_COLUMNS, type EventRow, type RowKey } from "./event-row.ts";
import type { ErasedLog } from "./tombstones.ts";

const KEY = "timestamp, generation, seq, user_id";
const SIZE = "octet_length(properties) + octet_length(context)";

const FIRST: RowKey = [-1, 0, 0, ""];
const LAST: RowKey = [Number.MAX_SAFE_INTEGER, 0, 0, ""];

interface RowsQuery {
  /** Only rows after this key; null for the beginning. */
  after: RowKey | null;
  /** Only rows up to and including this key, if it is given. */
  to?: RowKey;
  /** Only rows that were written before this time, in epoch milliseconds, if it is given. */
  writtenBefore?: number;
  limit: number;
  /** A page ends early once its properties and contexts have this many bytes, but it has at least one row. */
  bytes: number;
}

/** Reads a page of the table in the order of its keys. The page is empty at the end. Rejects with what D1 throws. */
export async function readRows(
  database: D1Database,
  { after, to = LAST, writtenBefore = Number.MAX_SAFE_INTEGER, limit, bytes }: RowsQuery,
): Promise<EventRow[]> {
  const { results } = await database
    .prepare(
      `SELECT ${EVENT_ROW_COLUMNS.join(", ")} FROM (
         SELECT *, sum(${SIZE}) OVER (ORDER BY ${KEY} ROWS UNBOUNDED PRECEDING) - (${SIZE}) AS bytes_before
         FROM (SELECT * FROM events WHERE (${KEY}) > (?1, ?2, ?3, ?4) AND (${KEY}) <= (?5, ?6, ?7, ?8)
                 AND written_at < ?9 ORDER BY ${KEY} LIMIT ?10))
       WHERE bytes_before < ?11 ORDER BY ${KEY}`,
    )
    .bind(...(after ?? FIRST), ...to, writtenBefore, limit, bytes)
    .all<EventRow>();
  return results;
}

/** The primary key of a row. */
export function keyOfRow(row: Pick<EventRow, "timestamp" | "generation" | "seq" | "user_id">): RowKey {
  return [row.timestamp, row.generation, row.seq, row.user_id];
}

/** Reads some of the erased logs that a database has tombstones of, after a given one. Rejects with what D1 throws. */
export async function readErased(
  database: D1Database,
  [generation, userId]: readonly [generation: number, userId: string],
  limit: number,
): Promise<ErasedLog[]> {
  const { results } = await database
    .prepare(
      `SELECT generation, user_id FROM erased WHERE (generation, user_id) > (?1, ?2)
       ORDER BY generation, user_id LIMIT ?3`,
    )
    .bind(generation, userId, limit)
    .all<ErasedLog>();
  return results;
}
