/** A team's events: the name of each, and the shape of its properties. */
export type EventMap<Events> = { [Name in keyof Events]: object };

/** Any event with any properties, for a team that has not declared its own. */
export type AnyEvents = Record<string, Record<string, unknown>>;

/**
 * An event as it is sent: the body of `POST /track`. Its id and its time never change, so a repetition is a duplicate.
 */
export interface SentEvent {
  event: string;
  /** Missing if nobody was identified. The server refuses such an event, and `onReject` is called. */
  user_id?: string;
  /** ISO-8601, or the call's own value. */
  timestamp: string | number;
  message_id: string;
  properties: Record<string, unknown>;
  context?: Record<string, unknown>;
}

/** What is wrong with an event, in the server's words. */
export interface Fault {
  /** A JSON pointer into the event; empty for the event as a whole. */
  pointer: string;
  detail: string;
}

/**
 * Why an event will never be sent:
 * - `full`: as much waits as `maxQueueEvents` and `maxQueueCharacters` allow;
 * - `consent`: there is no consent;
 * - `closed`: it came after `shutdown`, or `shutdown` could not deliver it in time;
 * - `unserializable`: JSON cannot express it, because of a circular reference or a BigInt.
 */
export type DropReason = "full" | "consent" | "closed" | "unserializable";

/** A request that failed. Its events continue to wait. */
export interface Failure {
  /** The HTTP status; 0 if no answer came. */
  status: number;
  /** The server's explanation, if it gave one. */
  detail: string | undefined;
  /** When it is sent again, in milliseconds from now; null if only `flush()` or the next page does. */
  retryInMs: number | null;
}
