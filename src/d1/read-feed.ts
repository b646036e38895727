import { FEED_WINDOW_KEYS } from "../limits.ts";
import type { EventRow } from "./event-row.ts";

/**
 * A place in the feed of one database: a statement's position, and how many of its keys are before the place. Reading
 * forwards returns what comes after the place, and reading backwards what comes before.
 */
export type FeedPlace = [position: number, keys: number];

/** A line of the feed: an event in its latest revision, or the erasure of a log. `at` is in epoch milliseconds. */
export type FeedLine =
  | { kind: "event"; row: EventRow; at: number; place: FeedPlace }
  | { kind: "erasure"; user_id: string; generation: number; at: number; place: FeedPlace };

export interface FeedQuery {
  /** Only events of this name, and all erasures. */
  event?: string | undefined;
  user_id?: string | undefined;
  order: "asc" | "desc";
  /** How many lines a page may hold. */
  limit: number;
  /**
   * A page ends early once its properties and contexts have this many bytes, but it has at least one line if there is
   * any.
   */
  bytes: number;
}

export interface FeedPage {
  lines: FeedLine[];
  /** Where the next page begins. A page before the end may be short or even empty. */
  next: FeedPlace;
  /** Whether the feed goes on after what was read. */
  more: boolean;
}

/**
 * A page and the incarnation of the database that it is from. "gone" if a reader cannot continue from its place,
 * because the database was rebuilt or restored, or because what comes next has left D1.
 */
type FeedAnswer = { kind: "page"; page: FeedPage; incarnation: string } | { kind: "gone" };

/** Where a new reader begins. The first position is 1; from 0 it would look as if a statement had been missed. */
export const FEED_START: Record<FeedQuery["order"], FeedPlace> = { asc: [1, 0], desc: [Number.MAX_SAFE_INTEGER, 0] };

/** How many queries one call makes at most. */
export const QUERIES_PER_FEED_PAGE = 3;

/**
 * Reads a page of one database's feed, in the order of its statements. Positions rise with the commits, so reading
 * forwards misses and repeats nothing. An update is a new line, and then the event is no longer in its earlier line.
 * This also holds if an event is updated or erased between the two queries, so they need no transaction.
 *
 * The number of keys that are read is bounded: by FEED_WINDOW_KEYS with a filter, and by the limit without one. Rejects
 * with what D1 throws.
 *
 * @param life the incarnation that the place belongs to; undefined for a new reader
 */
export async function readFeed(
  database: D1Database,
  after: FeedPlace,
  query: FeedQuery,
  life?: string,
): Promise<FeedAnswer> {
  const isFiltered = query.event !== undefined || query.user_id !== undefined;
  const window = isFiltered ? FEED_WINDOW_KEYS : query.limit;
  const [found, extents] = await database.batch<never>([
    database.prepare(STATEMENTS[query.order]).bind(after[0], window),
    database.prepare(EXTENT),
  ]);
  const [extent] = extents!.results as unknown as [FeedExtent];
  const { incarnation } = extent;
  if (life !== undefined && (life !== incarnation || (query.order === "asc" && isBeyond(after, extent))))
    return { kind: "gone" };
  const page = await readPage(database, found!.results, after, query, window);
  return { kind: "page", page, incarnation };
}

interface FeedExtent {
  incarnation: string;
  /** The oldest statement that the feed still has, and the newest; null if it has none. */
  first: number | null;
  last: number | null;
}

// A row with no events and no erasure holds nothing any more: its events have left D1. So the feed begins after it.
const EXTENT = `SELECT name AS incarnation,
  (SELECT position + (events = 0 AND erased IS NULL) FROM feed
   WHERE position = (SELECT min(position) FROM feed)) AS first,
  (SELECT max(position) FROM feed) AS last FROM incarnation`;

/** Whether statements after a place are missing because they were removed, or because a restore has lost them. */
function isBeyond([position]: FeedPlace, { first, last }: FeedExtent): boolean {
  return position < (first ?? 0) || position > (last ?? 0) + 1;
}

async function readPage(
  database: D1Database,
  statements: FeedStatement[],
  after: FeedPlace,
  query: FeedQuery,
  window: number,
): Promise<FeedPage> {
  const last = statements.at(-1);
  // A reader who goes backwards through an empty feed is at its beginning. If the place were the end, the reader would
  // miss everything that comes when it turns round.
  if (!last) return { lines: [], next: query.order === "asc" ? after : FEED_START.asc, more: false };
  const ahead = statements.flatMap((statement) => keysOf(statement, after, query.order));
  const looked = ahead.slice(0, window);
  const { lines, count } = await linesOf(database, looked, query);
  const isPast = query.order === "asc" && count === ahead.length;
  return {
    lines,
    // This is after the last statement, even if that had no lines.
    next: isPast ? [last.position + 1, 0] : (looked[count - 1]?.place ?? after),
    more: count < ahead.length || last.position !== last.last_position,
  };
}

interface FeedStatement {
  position: number;
  written_at: number;
  /** JSON of {@link EventKey}s. */
  keys: string;
  erased: number | null;
  erased_user_id: string | null;
  last_position: number;
}

type EventKey = [timestamp: number, generation: number, seq: number, revision: number];

/** A key that the reader has not read yet. An erasure has no keys but counts as one; its `key` is null. */
interface Ahead {
  key: EventKey | null;
  statement: FeedStatement;
  /** The reader's place after this key. */
  place: FeedPlace;
}

/**
 * Selects statements until they have as many keys as the window. The keys of the first one are not counted, because it
 * may have been read in part.
 */
function statementsSql(from: ">=" | "<=", direction: "ASC" | "DESC", end: "max" | "min"): string {
  return `
WITH near AS (
  SELECT position, iif(position = ?1, 0, max(events, 1)) AS keys
  FROM feed WHERE position ${from} ?1 ORDER BY position ${direction} LIMIT ?2 + 1),
counted AS (SELECT position, sum(keys) OVER (ORDER BY position ${direction}) - keys AS before FROM near)
SELECT feed.position, feed.written_at, feed.keys, feed.erased,
  (SELECT user_id FROM erased WHERE generation = feed.erased) AS erased_user_id,
  (SELECT ${end}(position) FROM feed) AS last_position
FROM counted CROSS JOIN feed ON feed.position = counted.position
WHERE counted.before < ?2 ORDER BY counted.position ${direction}`;
}

const STATEMENTS = { asc: statementsSql(">=", "ASC", "max"), desc: statementsSql("<=", "DESC", "min") };

/**
 * json_each returns the keys in the order of its rowid, so this order needs no sort and the search ends at the limit.
 */
const EVENTS = `
WITH found AS MATERIALIZED (
  SELECT wanted.key AS place, events.timestamp, events.generation, events.seq, events.user_id,
    octet_length(events.properties) + octet_length(events.context) AS bytes
  FROM json_each(?1) AS wanted CROSS JOIN events
    ON events.timestamp = wanted.value ->> 0 AND events.generation = wanted.value ->> 1
    AND events.seq = wanted.value ->> 2 AND events.revision = wanted.value ->> 3
  WHERE events.event = coalesce(?2, events.event) AND events.user_id = coalesce(?3, events.user_id)
  ORDER BY wanted.rowid LIMIT ?4),
sized AS (SELECT *, sum(bytes) OVER (ORDER BY place) - bytes AS before, count(*) OVER () AS count FROM found)
SELECT sized.place, sized.count, events.*
FROM sized CROSS JOIN events USING (timestamp, generation, seq, user_id)
WHERE sized.before < ?5 ORDER BY sized.place`;

/** The keys of a statement that a reader at `after` has not read yet. */
function keysOf(statement: FeedStatement, after: FeedPlace, order: FeedQuery["order"]): Ahead[] {
  const { position } = statement;
  const keys = statement.erased === null ? (JSON.parse(statement.keys) as EventKey[]) : [null];
  // After its last key, the reader's place is the next statement, so that this one may be removed.
  const behind = (index: number): FeedPlace => (index + 1 < keys.length ? [position, index + 1] : [position + 1, 0]);
  const ahead = keys.map((key, index): Ahead => ({
    key,
    statement,
    place: order === "asc" ? behind(index) : [position, index],
  }));
  const isBegun = position === after[0];
  if (order === "asc") return isBegun ? ahead.slice(after[1]) : ahead;
  return (isBegun ? ahead.slice(0, after[1]) : ahead).toReversed();
}

/** Reads the lines for the keys until the page is full. `count` is how many keys were used. */
async function linesOf(database: D1Database, looked: Ahead[], query: FeedQuery) {
  if (looked.length === 0) return { lines: [], count: 0 };
  const { results: rows } = await database
    .prepare(EVENTS)
    .bind(
      JSON.stringify(looked.map(({ key }) => key)),
      query.event ?? null,
      query.user_id ?? null,
      query.limit,
      query.bytes,
    )
    .all<EventRow & { place: number; count: number }>();
  const found = new Map<number, EventRow>();
  for (const { place, count: _, ...row } of rows) found.set(place, row);
  const last = rows.at(-1);
  const isFull = last !== undefined && (rows.length === query.limit || rows.length < last.count);
  const end = isFull ? last.place + 1 : looked.length;
  const lines: FeedLine[] = [];
  for (const [index, { statement, place }] of looked.slice(0, end).entries()) {
    if (lines.length === query.limit) return { lines, count: index };
    const row = found.get(index);
    if (row) lines.push({ kind: "event", row, at: row.received_at, place });
    const { erased, erased_user_id: user_id, written_at: at } = statement;
    // If the tombstone has been removed, the user's id is no longer known.
    if (erased === null || user_id === null || (query.user_id ?? user_id) !== user_id) continue;
    lines.push({ kind: "erasure", user_id, generation: erased, at, place });
  }
  return { lines, count: end };
}
