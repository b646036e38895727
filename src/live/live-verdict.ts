import type { Fault } from "../event/fault.ts";
import { formatTimestamp } from "../event/timestamp.ts";
import { MAX_LIVE_BODY_CHARACTERS } from "../limits.ts";
import type { Filterable } from "./live-filter.ts";

/**
 * What became of one event, as the isolate that accepted it knows. Nothing is encoded as JSON unless somebody watches.
 */
export interface Arrival extends Filterable {
  /** Unique among all events that are shown. */
  id: string;
  /** When the request came to the edge, in epoch milliseconds. */
  receivedAt: number;
  /** Milliseconds from then until the user's log had answered. */
  logMs: number;
  path: string;
  /** Cloudflare's location, such as "FRA". */
  colo: string | null;
  stored: StoredArrival | null;
  /** Empty unless the event was rejected. */
  faults: Fault[];
  /** What the client sent if the event was rejected, which may be anything; undefined if it could not be parsed. */
  body: unknown;
}

/** What is known of an event that was not rejected. */
interface StoredArrival {
  /** When it happened, in epoch milliseconds. */
  timestamp: number;
  /** Empty if there is none. */
  messageId: string;
  /** JSON texts of objects. */
  properties: string;
  context: string;
  /** Null for a suppressed event. */
  seq: number | null;
  revision: number | null;
  late: boolean;
  /** Only if the log was asked for it. */
  generation: number | undefined;
  /**
   * JSON text of the keys that an update changed, each with its value before and after. Only if the log was asked for
   * it.
   */
  change: string | undefined;
}

/** An event on its way to the viewers. */
export interface LiveVerdict extends Filterable {
  id: string;
  /** When the request came to the edge, in epoch milliseconds. */
  receivedAt: number;
  /** The key that the feed will have for the event's row in D1; null if D1 gets no row. */
  row: string | null;
  /** JSON text of the whole event, as a viewer gets it. */
  line: string;
}

export function liveVerdict(arrival: Arrival): LiveVerdict {
  const { id, status, event, userId, key, receivedAt } = arrival;
  const row = rowOf(arrival);
  return { id, status, event, userId, key, receivedAt, row, line: lineOf(arrival, row) };
}

/** The feed's key of a row without its time: [generation, seq, revision]. */
export function rowKey(generation: number, seq: number, revision: number): string {
  return `${generation}:${seq}:${revision}`;
}

function rowOf({ status, stored }: Arrival): string | null {
  if (stored?.generation === undefined || stored.seq === null || stored.revision === null) return null;
  return status === "created" || status === "updated" ? rowKey(stored.generation, stored.seq, stored.revision) : null;
}

function lineOf(arrival: Arrival, row: string | null): string {
  const { id, status, event, userId, key, receivedAt, logMs, path, colo, stored, faults, body } = arrival;
  const known = {
    type: "verdict",
    id,
    verdict: status,
    event,
    user_id: userId,
    key,
    path,
    colo,
    received_at: formatTimestamp(receivedAt),
    log_ms: logMs,
  };
  if (!stored) return JSON.stringify({ ...known, errors: faults, ...shownBody(body) });
  const { timestamp, messageId, seq, revision, late, properties, context, change } = stored;
  const rest = {
    ...known,
    timestamp: formatTimestamp(timestamp),
    message_id: messageId || null,
    ...(seq !== null && { seq, revision }),
    ...(late && { late }),
    // D1 gets no row, so no time will follow.
    ...(row === null && { d1_ms: null }),
  };
  // These are JSON text already.
  const texts = Object.entries({ properties, context, change }).flatMap(([name, text]) =>
    text === undefined ? [] : `,"${name}":${text.length <= MAX_LIVE_BODY_CHARACTERS ? text : "null"}`,
  );
  return `${JSON.stringify(rest).slice(0, -1)}${texts.join("")}}`;
}

/** The body is null if it is too long to be shown. */
function shownBody(body: unknown): { body?: unknown } {
  if (body === undefined) return {};
  return { body: (JSON.stringify(body) ?? "").length <= MAX_LIVE_BODY_CHARACTERS ? body : null };
}
