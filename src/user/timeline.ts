import { byteLength } from "../event/json.ts";
import { MAX_PAGE_BYTES, MAX_SCANNED_EVENTS } from "../limits.ts";

/** A place in a user's timeline, which is ordered by (timestamp, seq). */
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
  /** Only what comes after this position, in the given order. */
  after?: TimelinePosition;
}

export interface TimelineEvent extends TimelinePosition {
  event: string;
  message_id: string | null;
  revision: number;
  /** JSON text of an object. */
  properties: string;
  /** JSON text of an object. */
  context: string;
  received_at: number;
  source: string | null;
}

export interface TimelinePage {
  events: TimelineEvent[];
  /** Where the next page begins, or null at the end. A page may be short, even empty, before that. */
  next: TimelinePosition | null;
}

const COLUMNS =
  "event, timestamp, nullif(message_id, '') AS message_id, seq, revision, properties, context, received_at, source";

/**
 * Reads one page. Its cost grows with the page and not with the history: a filter by name looks at no more than
 * MAX_SCANNED_EVENTS events and then hands back the position it got to. Only events of the very same millisecond are
 * read all, to be put in order: an index that has them in order would cost a written row for every event.
 */
export function readTimeline(sql: SqlStorage, query: TimelineQuery): TimelinePage {
  const { found, end } = findPositions(sql, query);
  const events: TimelineEvent[] = [];
  let bytes = 0;
  for (const { seq } of found.slice(0, query.limit)) {
    const event = readEvent(sql, seq);
    bytes += byteLength(event.properties) + byteLength(event.context);
    if (bytes > MAX_PAGE_BYTES && events.length > 0) break;
    events.push(event);
  }
  return { events, next: events.length < found.length ? positionOf(events) : end };
}

/** Reads an event by its number. */
function readEvent(sql: SqlStorage, seq: number): TimelineEvent {
  return sql
    .exec<TimelineEvent & Record<string, SqlStorageValue>>(`SELECT ${COLUMNS} FROM events WHERE seq = ?`, seq)
    .one();
}

/**
 * Finds one event more than the page may hold, if there is one, out of the index alone. Where a filter had to stop
 * before that, `end` is how far it got.
 */
function findPositions(
  sql: SqlStorage,
  query: TimelineQuery,
): { found: TimelinePosition[]; end: TimelinePosition | null } {
  const { where, bindings, orderBy } = rangeOf(query);
  const inOrder = `FROM events WHERE ${where} ORDER BY ${orderBy}`;
  const select = (statement: string, ...values: SqlStorageValue[]) =>
    sql.exec<TimelinePosition & Record<string, SqlStorageValue>>(statement, ...bindings, ...values).toArray();
  if (query.event === undefined)
    return { found: select(`SELECT timestamp, seq ${inOrder} LIMIT ?`, query.limit + 1), end: null };

  // The inner statement is run only as far as the outer one asks for rows.
  const found = select(
    `SELECT timestamp, seq FROM (SELECT timestamp, seq, event ${inOrder} LIMIT ${MAX_SCANNED_EVENTS})
     WHERE event = ? LIMIT ?`,
    query.event,
    query.limit + 1,
  );
  if (found.length > query.limit) return { found, end: null };
  const [end] = select(`SELECT timestamp, seq ${inOrder} LIMIT 1 OFFSET ${MAX_SCANNED_EVENTS - 1}`);
  return { found, end: end ?? null };
}

interface Range {
  where: string;
  bindings: number[];
  orderBy: string;
}

/** The timestamps' bounds take the cursor in, so that the index is entered where the page begins. */
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
