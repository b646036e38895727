// The record of a run. Times are milliseconds since it began, by the clock of the machine that sends.

/** An event as a client sends it. Its properties hold its label, its version, and a key that only this version has. */
export interface SentEvent {
  user: string;
  /** Identifies the event among all events. */
  label: string;
  /** Its number among equal messages without an id in one request. It is 1 for all others. */
  copy: number;
  /** The version of its properties: 1 for the first, and one more for each update. */
  version: number;
  event: string;
  /** Epoch milliseconds. Null if the server sets the time. */
  timestamp: number | null;
  /** Null for none, and {@link AUTO} if the server makes one from the content. */
  messageId: string | null;
}

export const AUTO = "(auto)";

/** The answer for one event. */
export interface Verdict {
  status: "created" | "updated" | "duplicate" | "suppressed" | "rejected";
  seq?: number;
  revision?: number;
  late?: boolean;
}

/** An event as it is read back, from the log or from any copy. */
export interface StoredEvent {
  event: string;
  timestamp: string;
  properties: Record<string, unknown>;
  context: Record<string, unknown>;
  message_id: string | null;
  seq: number;
  revision: number;
  received_at: string;
  source: string | null;
}

/** A row of D1, of the archive or of the feed. */
export interface CopiedEvent {
  user: string;
  generation: number;
  stored: StoredEvent;
}

export type FeedLine = ({ kind: "event" } & CopiedEvent) | { kind: "erasure"; user: string; generation: number };

export interface LiveLine {
  id: string;
  verdict: string;
  user: string;
  seq: number | null;
  revision: number | null;
  properties: Record<string, unknown> | null;
}

interface Timed {
  id: number;
  client: string;
  invoked: number;
  /** When it was answered, or the client gave up. Without an answer it may have had its effect, or may still have it. */
  ended: number;
}

/** A request's events, in their order. Null stands for one that is invalid on purpose. */
export type RecordEntry = Timed & {
  kind: "record";
  route: string;
  events: (SentEvent | null)[];
  answer: Verdict[] | null;
};
export type EraseEntry = Timed & { kind: "erase"; user: string; answer: { erased: number } | null };
export type SuppressEntry = Timed & { kind: "suppress"; user: string; on: boolean; answer: true | null };
export type ReadEntry = Timed & { kind: "read"; user: string; answer: StoredEvent[] | null };
/** A page of the feed. "gone" ends the reader's epoch, and the next one starts from the feed's beginning. */
export type FeedEntry = Timed & {
  kind: "feed";
  reader: string;
  epoch: number;
  /** Whether it began at the feed's beginning. */
  isFirst: boolean;
  answer: { lines: FeedLine[]; isEnd: boolean } | "gone" | null;
};
export type LiveEntry = Timed & { kind: "live"; answer: LiveLine[] };
/** Maintenance of the server, by an operator or the cron. */
export type CareEntry = Timed & { kind: "care"; what: "archive" | "rebuild"; answer: Record<string, unknown> | null };
/** A fault that the run injects. */
export type FaultEntry = Timed & { kind: "fault"; what: string; answer: null };

export type Entry =
  | RecordEntry
  | EraseEntry
  | SuppressEntry
  | ReadEntry
  | FeedEntry
  | LiveEntry
  | CareEntry
  | FaultEntry;

/** Identifies an event among all events of its user. */
export function keyOfSent({ label, copy }: Pick<SentEvent, "label" | "copy">): string {
  return copy === 1 ? label : `${label}#${copy}`;
}

/** The same key for an event that was read back. Undefined if no client of the run has sent it. */
export function keyOfStored({ properties, message_id }: StoredEvent): string | undefined {
  const label = properties["id"];
  if (typeof label !== "string") return undefined;
  const copy = Number(/^auto-.*-(\d+)$/.exec(message_id ?? "")?.[1] ?? 1);
  return keyOfSent({ label, copy });
}

/** The versions that were merged into an event. */
export function versionsOf({ properties }: Pick<StoredEvent, "properties">): number[] {
  return Object.keys(properties).flatMap((key) => (/^v\d+$/.test(key) ? [Number(key.slice(1))] : []));
}

/** The content of an event's version. Every version sets `last`, and a key that only it has. */
export function contentOf({ label, version }: Pick<SentEvent, "label" | "version">) {
  return {
    properties: {
      id: label,
      last: version,
      [`v${version}`]: true,
      ...(version % 3 === 0 && { email: `${label}.${version}@example.com` }),
    },
    context: { last: version, [`v${version}`]: true },
  };
}
