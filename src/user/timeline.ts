import { MAX_SCANNED_EVENTS } from "../limits.ts";

/** A place in a user's timeline, which is ordered by (timestamp, seq). */
export interface TimelinePosition {
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
 * MAX_SCANNED_EVENTS events and then hands back the position it got to.
 */
export function readTimeline(sql: SqlStorage, query: TimelineQuery): TimelinePage {
  const range = rangeOf(query);
  if (query.event === undefined) {
    const rows = select(sql, range, "", [], query.limit + 1);
    const events = rows.slice(0, query.limit);
    return { events, next: rows.length > query.limit ? positionOf(events) : null };
  }

  const end = sql
    .exec<{ timestamp: number; seq: number }>(
      `SELECT timestamp, seq FROM events WHERE ${range.where} ORDER BY ${range.orderBy} LIMIT 1 OFFSET ${MAX_SCANNED_EVENTS - 1}`,
      ...range.bindings,
    )
    .toArray()[0];
  const upToEnd = end ? `AND (timestamp ${range.before} ? OR (timestamp = ? AND seq ${range.before}= ?))` : "";
  const bindings = end ? [end.timestamp, end.timestamp, end.seq] : [];
  const rows = select(sql, range, `${upToEnd} AND event = ?`, [...bindings, query.event], query.limit + 1);
  const events = rows.slice(0, query.limit);
  return { events, next: rows.length > query.limit ? positionOf(events) : (end ?? null) };
}

interface Range {
  where: string;
  bindings: number[];
  orderBy: string;
  /** The comparison that holds for what comes earlier in the order. */
  before: "<" | ">";
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
    before: ascending ? "<" : ">",
  };
}

function select(sql: SqlStorage, range: Range, condition: string, bindings: SqlStorageValue[], limit: number) {
  return sql
    .exec<TimelineEvent & Record<string, SqlStorageValue>>(
      `SELECT ${COLUMNS} FROM events WHERE ${range.where} ${condition} ORDER BY ${range.orderBy} LIMIT ?`,
      ...range.bindings,
      ...bindings,
      limit,
    )
    .toArray();
}

function positionOf(events: readonly TimelinePosition[]): TimelinePosition | null {
  const last = events.at(-1);
  return last ? { timestamp: last.timestamp, seq: last.seq } : null;
}
