import type { EventKey } from "./event-table.ts";

/** An event that a database lacks, as of one revision: an update makes another entry. */
export interface Entry {
  key: EventKey;
  /** Encoded by `encodeEventRow`; null where it has to be read from storage. */
  row: string | null;
  /** When it was recorded, in epoch milliseconds; null where nothing says so. */
  since: number | null;
  /** D1 does not take it. It waits for its back-off and holds up no other. */
  isRefused: boolean;
}

/** The entry of a key that was on disk. */
export function unread(key: EventKey): Entry {
  return { key, row: null, since: null, isRefused: false };
}

/** A key as text. */
export function textOf([timestamp, event, messageId]: EventKey): string {
  return `${timestamp}\0${event}\0${messageId}`;
}

/** Roughly what a key takes in the log's state, in bytes. */
export function keyBytes({ key: [, event, messageId] }: Entry): number {
  return 16 + event.length + messageId.length;
}
