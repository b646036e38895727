import { encodeEventRow, type EventRow } from "../d1/event-row.ts";
import { byteLength } from "../event/json.ts";
import { MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS } from "../limits.ts";
import type { LogState, StoredLogState } from "./log-state.ts";

/** The next events for D1, at most a statement's worth, and what to mark once D1 has them. */
interface Shipment {
  database: string;
  /** Encoded by `encodeEventRow`. */
  rows: string[];
  generation: number;
  /** Every event up to this seq is in D1, once this shipment is. */
  throughSeq: number;
  /** What of it are updates, which are marked one by one. */
  updates: { seq: number; revision: number }[];
  /** Whether the statement could not hold all that D1 lacks. */
  isFull: boolean;
}

type PendingRow = Omit<EventRow, "user_id" | "generation"> & Record<string, SqlStorageValue>;

const COLUMNS =
  "seq, revision, event, timestamp, nullif(message_id, '') AS message_id, properties, context, received_at, source";

/** At most 64 KiB each. */
const CHUNK_ROWS = 50;

/** What D1 has not got yet: updates of what it has first, then new events in seq order. Null when it has all. */
export function nextShipment(sql: SqlStorage, userId: string, state: LogState | undefined): Shipment | null {
  if (!state) return null;
  const { database, generation, shippedSeq } = state;
  const shipment: Shipment = { database, rows: [], generation, throughSeq: shippedSeq, updates: [], isFull: false };
  let bytes = 0;
  for (const row of pendingRows(sql, shippedSeq)) {
    const encoded = encodeEventRow({ ...row, user_id: userId, generation });
    bytes += byteLength(encoded) + 1;
    shipment.isFull =
      shipment.rows.length === MAX_STATEMENT_EVENTS || (bytes > MAX_STATEMENT_BYTES && shipment.rows.length > 0);
    if (shipment.isFull) break;
    shipment.rows.push(encoded);
    if (row.revision > 1) shipment.updates.push({ seq: row.seq, revision: row.revision });
    shipment.throughSeq = Math.max(shipment.throughSeq, row.seq);
  }
  return shipment.rows.length > 0 ? shipment : null;
}

/**
 * Marks exactly what was sent: while D1 was awaited, events came in, an event may have got a newer revision, and the
 * user may have been erased and begun anew.
 */
export function markShipped(sql: SqlStorage, shipment: Shipment, state: StoredLogState): void {
  if (state.current?.generation !== shipment.generation) return;
  state.moveShipped(shipment.throughSeq);
  if (shipment.updates.length === 0) return;
  sql.exec(
    `DELETE FROM changed WHERE (seq, revision) IN
       (SELECT value ->> 'seq', value ->> 'revision' FROM json_each(?))`,
    JSON.stringify(shipment.updates),
  );
}

/** How many events D1 lacks, or has in an older revision only. */
export function countPending(sql: SqlStorage, shippedSeq: number): number {
  return sql
    .exec<{ pending: number }>(
      `SELECT coalesce((SELECT max(seq) FROM events), 0) - ?1
            + (SELECT count(*) FROM changed WHERE seq <= ?1) AS pending`,
      shippedSeq,
    )
    .one().pending;
}

function* pendingRows(sql: SqlStorage, shippedSeq: number): Generator<PendingRow> {
  yield* inChunks(0, (after) =>
    sql.exec<PendingRow>(
      `SELECT ${COLUMNS} FROM events
       WHERE seq IN (SELECT seq FROM changed WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?) ORDER BY seq`,
      after,
      shippedSeq,
      CHUNK_ROWS,
    ),
  );
  yield* inChunks(shippedSeq, (after) =>
    sql.exec<PendingRow>(`SELECT ${COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?`, after, CHUNK_ROWS),
  );
}

/**
 * A few rows at a time: a statement's worth of them may be too much for memory, and a cursor that is left open where
 * the statement is full locks its table, so that the log could not be erased while D1 is awaited.
 */
function* inChunks(
  first: number,
  read: (after: number) => SqlStorageCursor<PendingRow>,
): Generator<PendingRow, void, undefined> {
  let rows = read(first).toArray();
  while (rows.length > 0) {
    yield* rows;
    rows = rows.length < CHUNK_ROWS ? [] : read(rows.at(-1)!.seq).toArray();
  }
}
