import { STORED_EVENT_COLUMNS, type StoredEvent } from "../event/stored-event.ts";

/** A row of the D1 table `events`. */
export interface EventRow extends StoredEvent {
  user_id: string;
  /** Which of the user's logs the event is in: another one after an erasure. */
  generation: number;
}

/** What identifies a row, in the order of the table. */
export type RowKey = [timestamp: number, generation: number, seq: number, userId: string];

/** The columns of a row, in the order of an encoded one. */
export const EVENT_ROW_COLUMNS = ["user_id", "generation", ...STORED_EVENT_COLUMNS] as const;

/**
 * The form of an encoded row. Old and new code run side by side for minutes during a deploy, so a writer refuses rows
 * in a form that it does not know, and the log that sent them tries again later.
 */
export const EVENT_ROW_VERSION = 1;

/** Encodes a row as one element of the statement's JSON parameter. */
export function encodeEventRow(row: EventRow): string {
  return JSON.stringify(EVENT_ROW_COLUMNS.map((column) => row[column]));
}
