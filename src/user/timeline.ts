import { byteLength } from "../event/json.ts";
import type { StoredEvent } from "../event/stored-event.ts";
import { MAX_PAGE_BYTES, MAX_SCANNED_EVENTS } from "../limits.ts";
import { type LogRow, readRow, storedEventOf } from "./event-table.ts";
import type { LogState } from "./stored-values.ts";

/** A position in a user's timeline, which is ordered by (timestamp, seq). */
interface TimelinePosition {
  timestamp: number;
  seq: number;
}

export interface TimelineQuery {
  /** Inclusive, in epoch milliseconds. */
  from?: number | undefined;
  /** Exclusive, in epoch milliseconds. */
  to?: number | undefined;
  /** Only events of this name. */
  event?: string | undefined;
  order: "asc" | "desc";
  /** How many events the page may hold. */
  limit: number;
  /** Only events after this position, in the given order. */
  after?: TimelinePosition;
}

export interface TimelinePage {
  events: StoredEvent[];
  /** The position to continue after, or null at the end. A page before the end may be short or even empty. */
  next: TimelinePosition | null;
}

/** The position of an event that was found, and the rest of its key. */
interface Found extends TimelinePosition {
  event: string;
  message_id: string;
}

/**
 * Reads one page. The cost grows with the page and not with the history: a filter by name reads at most
 * MAX_SCANNED_EVENTS events and then returns the position that it has reached. Only events of the same millisecond are
 * all read, because they have to be sorted by number.
 */
export function readTimeline(sql: SqlStorage, { only }: LogState, query: TimelineQuery): TimelinePage {
  if (only) return { events: isWithin(only, query) ? [storedEventOf(only)] : [], next: null };
  const { found, end } = findEvents(sql, query);
  const events: StoredEvent[] = [];
  let bytes = 0;
  for (const { timestamp, event, message_id } of found.slice(0, query.limit)) {
    const stored = storedEventOf(readRow(sql, [timestamp, event, message_id])!);
    bytes += byteLength(stored.properties) + byteLength(stored.context);
    if (bytes > MAX_PAGE_BYTES && events.length > 0) break;
    events.push(stored);
  }
  return { events, next: events.length < found.length ? positionOf(events) : end };
}

/** Whether a page shows the only event of a log without a table. */
function isWithin(row: LogRow, { from = 0, to = Infinity, event = row.event, order, after }: TimelineQuery): boolean {
  const { timestamp, seq } = row;
  const distance = after ? timestamp - after.timestamp || seq - after.seq : 0;
  const isPast = !after || (order === "asc" ? distance > 0 : distance < 0);
  return timestamp >= from && timestamp < to && event === row.event && isPast;
}

/**
 * Finds one event more than the page may hold, if there is one, and reads only the keys. If a filter had to stop before
 * that, `end` is the position that it has reached.
 */
function findEvents(sql: SqlStorage, query: TimelineQuery): { found: Found[]; end: TimelinePosition | null } {
  const { where, bindings, orderBy } = rangeOf(query);
  const inOrder = `FROM events WHERE ${where} ORDER BY ${orderBy}`;
  const select = (statement: string, ...values: SqlStorageValue[]) =>
    sql.exec<Found & Record<string, SqlStorageValue>>(statement, ...bindings, ...values).toArray();
  if (query.event === undefined)
    return { found: select(`SELECT ${FOUND} ${inOrder} LIMIT ?`, query.limit + 1), end: null };

  // The inner statement is run only as far as the outer one asks for rows.
  const found = select(
    `SELECT ${FOUND} FROM (SELECT ${FOUND} ${inOrder} LIMIT ${MAX_SCANNED_EVENTS})
     WHERE event = ? LIMIT ?`,
    query.event,
    query.limit + 1,
  );
  if (found.length > query.limit) return { found, end: null };
  const [end] = select(`SELECT ${FOUND} ${inOrder} LIMIT 1 OFFSET ${MAX_SCANNED_EVENTS - 1}`);
  return { found, end: end ? { timestamp: end.timestamp, seq: end.seq } : null };
}

const FOUND = "timestamp, seq, event, message_id";

interface Range {
  where: string;
  bindings: number[];
  orderBy: string;
}

/** The bounds on the timestamp include the cursor's time, so that the scan begins where the page begins. */
function rangeOf({ order, after, from = 0, to = Number.MAX_SAFE_INTEGER }: TimelineQuery): Range {
  const ascending = order === "asc";
  const low = ascending && after ? Math.max(from, after.timestamp) : from;
  const high = !ascending && after ? Math.min(to, after.timestamp + 1) : to;
  const past = ascending ? ">" : "<";
  return {
    where: `timestamp >= ? AND timestamp < ?${after ? ` AND (timestamp ${past} ? OR seq ${past} ?)` : ""}`,
    bindings: after ? [low, high, after.timestamp, after.seq] : [low, high],
    orderBy: ascending ? "timestamp, seq" : "timestamp DESC, seq DESC",
  };
}

function positionOf(events: readonly TimelinePosition[]): TimelinePosition | null {
  const last = events.at(-1);
  return last ? { timestamp: last.timestamp, seq: last.seq } : null;
}
