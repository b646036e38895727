import type { EventKey } from "./event-table.ts";

/** An event that a database lacks, in one revision. An update makes a new entry. */
export interface Entry {
  key: EventKey;
  /** Encoded by `encodeEventRow`; null if it has to be read from storage. */
  row: string | null;
  /** When it was recorded, in epoch milliseconds; null if that is not known. */
  since: number | null;
  /** Whether D1 has refused it. Then it waits for its back-off and does not hold up other events. */
  isRefused: boolean;
}

/** The entry for a key from disk, whose row has to be read. */
export function unread(key: EventKey): Entry {
  return { key, row: null, since: null, isRefused: false };
}

/** A key as a text that can be a key of a Map. */
export function textOf([timestamp, event, messageId]: EventKey): string {
  return `${timestamp}\0${event}\0${messageId}`;
}

/** The approximate size of a key in the log's state, in bytes. */
export function keyBytes({ key: [, event, messageId] }: Entry): number {
  return 16 + event.length + messageId.length;
}
