import { STORED_EVENT_COLUMNS, type StoredEvent } from "../event/stored-event.ts";

/** The identity of an event in its log. The message id is empty if there is none. */
export type EventKey = [timestamp: number, event: string, messageId: string];

/** A row of a log's table: the event and the columns that only the log needs. */
export interface LogRow extends StoredEvent {
  /** Empty if there is none, because it is part of the key either way. */
  message_id: string;
  /**
   * What the edge added to the context, as JSON text of an object. It is a separate column, because no client sent it.
   */
  enrichment: string | null;
  /** The digests of all versions that were merged into the event; null for one that was never updated. */
  versions: string | null;
}

const COLUMNS = [...STORED_EVENT_COLUMNS, "enrichment", "versions"] as const satisfies readonly (keyof LogRow)[];

/** The columns of `COLUMNS` that an update may change. */
const CHANGING = ["revision", "properties", "context", "versions"] as const satisfies readonly (keyof LogRow)[];

/**
 * The primary key is the identity of an event and the order of the timeline. So there is no other index, an event costs
 * one written row, and a timeline is one scan.
 */
export function createEventTable(sql: SqlStorage): void {
  sql.exec(`CREATE TABLE events (
    timestamp   INTEGER NOT NULL,
    event       TEXT    NOT NULL,
    message_id  TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    properties  TEXT    NOT NULL,
    context     TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    source      TEXT,
    enrichment  TEXT,
    versions    TEXT,
    PRIMARY KEY (timestamp, event, message_id)
  ) WITHOUT ROWID`);
}

/** Deletes all events. Deleting them one by one would write, and bill, a row for each; dropping the table does not. */
export function dropEventTable(sql: SqlStorage): void {
  sql.exec("DROP TABLE IF EXISTS events");
}

/** When the first of the events happened, in epoch milliseconds. */
export function oldestTimestamp(sql: SqlStorage): number {
  return sql.exec<{ timestamp: number }>("SELECT min(timestamp) AS timestamp FROM events").one().timestamp;
}

/** Deletes at most `limit` of the events that happened before a time, the oldest first. Returns how many. */
export function deleteRowsBefore(sql: SqlStorage, before: number, limit: number): number {
  return sql.exec(DELETE_BEFORE, before, limit).toArray().length;
}

const DELETE_BEFORE = `DELETE FROM events WHERE (timestamp, event, message_id) IN
  (SELECT timestamp, event, message_id FROM events WHERE timestamp < ? ORDER BY timestamp LIMIT ?) RETURNING seq`;

/** Inserts a row unless its event is already there. Returns whether it was inserted. */
export function insertRow(sql: SqlStorage, row: LogRow): boolean {
  const inserted = sql.exec(INSERT, ...COLUMNS.map((column) => row[column]));
  return !inserted.next().done;
}

const INSERT = `INSERT INTO events (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})
  ON CONFLICT DO NOTHING RETURNING seq`;

export function updateRow(sql: SqlStorage, row: LogRow): void {
  sql.exec(UPDATE, ...CHANGING.map((column) => row[column]), ...keyOf(row));
}

const UPDATE = `UPDATE events SET ${CHANGING.map((column) => `${column} = ?`).join(", ")}
  WHERE timestamp = ? AND event = ? AND message_id = ?`;

export function readRow(sql: SqlStorage, key: EventKey): LogRow | undefined {
  return sql.exec<LogRow & Record<string, SqlStorageValue>>(SELECT, ...key).toArray()[0];
}

const SELECT = `SELECT ${COLUMNS.join(", ")} FROM events WHERE timestamp = ? AND event = ? AND message_id = ?`;

/** Rows after a key, in the order of their keys. Read all of them before the next `await`. */
export function rowsAfter(sql: SqlStorage, key: EventKey, limit: number): Iterable<LogRow> {
  return sql.exec<LogRow & Record<string, SqlStorageValue>>(SELECT_AFTER, ...key, limit);
}

const SELECT_AFTER = `SELECT ${COLUMNS.join(", ")} FROM events
  WHERE (timestamp, event, message_id) > (?, ?, ?) ORDER BY timestamp, event, message_id LIMIT ?`;

export function keyOf(row: LogRow): EventKey {
  return [row.timestamp, row.event, row.message_id];
}

/** The event as it is shown outside the log. The client's context wins over what the edge added. */
export function storedEventOf(stored: LogRow): StoredEvent {
  const { versions: _, enrichment, ...row } = stored;
  const context = enrichment === null ? row.context : withDefaults(row.context, enrichment);
  return { ...row, message_id: row.message_id || null, context };
}

function withDefaults(context: string, defaults: string): string {
  return JSON.stringify({ ...(JSON.parse(defaults) as object), ...(JSON.parse(context) as object) });
}
