import { STORED_EVENT_COLUMNS, type StoredEvent } from "../event/stored-event.ts";

/** A row of the D1 table `events`. */
export interface EventRow extends StoredEvent {
  user_id: string;
  /** Which of the user's logs the event is in. After an erasure the user gets a new log. */
  generation: number;
}

/** The primary key of a row, in the order of the table. */
export type RowKey = [timestamp: number, generation: number, seq: number, userId: string];

/** The columns of a row, in the order in which a row is encoded. */
export const EVENT_ROW_COLUMNS = ["user_id", "generation", ...STORED_EVENT_COLUMNS] as const;

/**
 * The version of the encoding. Old and new code run side by side for minutes during a deployment, so a writer refuses
 * rows of another version, and the log that sent them tries again later.
 */
export const EVENT_ROW_VERSION = 1;

/** Encodes a row as one element of the statement's JSON parameter. */
export function encodeEventRow(row: EventRow): string {
  return JSON.stringify(EVENT_ROW_COLUMNS.map((column) => row[column]));
}
