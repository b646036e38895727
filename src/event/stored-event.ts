/** A stored event: the row of a user's log, of D1, and of everything that is read back. */
export interface StoredEvent {
  /** When it happened, in epoch milliseconds. */
  timestamp: number;
  event: string;
  message_id: string | null;
  /** The event's number in its log, from 1 without gaps. */
  seq: number;
  /** 1, and one more with every update. */
  revision: number;
  /** JSON text of an object. */
  properties: string;
  /** JSON text of an object. */
  context: string;
  /** When it was first accepted, in epoch milliseconds. */
  received_at: number;
  /** The name of the write key that it came with. */
  source: string | null;
}

/** The columns of a stored event, in the one order in which every statement and every encoded row has them. */
export const STORED_EVENT_COLUMNS = [
  "timestamp",
  "event",
  "message_id",
  "seq",
  "revision",
  "properties",
  "context",
  "received_at",
  "source",
] as const satisfies readonly (keyof StoredEvent)[];
