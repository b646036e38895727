/** A stored event: the row of a user's log and of D1, and what reading returns. */
export interface StoredEvent {
  /** When it happened, in epoch milliseconds. */
  timestamp: number;
  event: string;
  message_id: string | null;
  /** The event's number in its log, from 1 without gaps. */
  seq: number;
  /** 1 at first, increased by each update. */
  revision: number;
  /** JSON text of an object. */
  properties: string;
  /** JSON text of an object. */
  context: string;
  /** When it was first accepted, in epoch milliseconds. */
  received_at: number;
  /** The name of the write key that it was sent with. */
  source: string | null;
}

/** The columns of a stored event, in the order that every statement and every encoded row uses. */
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
