import { FEED_WINDOW_KEYS } from "../limits.ts";
import type { EventRow } from "./event-row.ts";

/**
 * A place in the feed of one database: a statement's position, and how many of its keys lie before the place. Read
 * forwards, what follows comes; read backwards, what lies before.
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
  /** Bytes of properties and contexts at which a page ends early, though never without a line. */
  bytes: number;
}

export interface FeedPage {
  lines: FeedLine[];
  /** Where the next page begins. A page may be short, even empty, before the end. */
  next: FeedPlace;
  /** Whether the feed has more than was looked at. */
  more: boolean;
}

/**
 * A page, and the life of the database that it is from. "gone" where a reader cannot go on from its place: the database
 * was rebuilt or restored since, or what comes next has left D1.
 */
type FeedAnswer = { kind: "page"; page: FeedPage; incarnation: string } | { kind: "gone" };

/** Where a reader begins who has read nothing. The first position is 1: before that a statement would seem missed. */
export const FEED_START: Record<FeedQuery["order"], FeedPlace> = { asc: [1, 0], desc: [Number.MAX_SAFE_INTEGER, 0] };

/** Queries that one call makes. */
export const QUERIES_PER_FEED_PAGE = 3;

/**
 * Reads a page of one database's feed, in the order of its statements. Positions rise with the commits, so a place read
 * forwards misses and repeats nothing: an update is told anew, and an event that was updated later is told there only.
 * The same holds for an event that is updated or erased between the two queries, which thus need no transaction.
 *
 * What it reads is bounded, whatever the filter: FEED_WINDOW_KEYS at most, and no more than the limit without one.
 * Rejects with what D1 throws.
 *
 * @param life the incarnation that the place is of; undefined for a reader who begins
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
  /** The oldest statement that the feed still has, and the newest; null where it has none. */
  first: number | null;
  last: number | null;
}

// A row without anything in it is the newest of those that were removed: what it told of has left D1 as well.
const EXTENT = `SELECT name AS incarnation,
  (SELECT position + (events = 0 AND erased IS NULL) FROM feed
   WHERE position = (SELECT min(position) FROM feed)) AS first,
  (SELECT max(position) FROM feed) AS last FROM incarnation`;

/** Whether statements are missing between a place and what the feed has: they were removed, or a restore took them. */
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
  // Backwards, an empty feed is at its beginning: from its end, a reader who turns round would miss all that comes.
  if (!last) return { lines: [], next: query.order === "asc" ? after : FEED_START.asc, more: false };
  const ahead = statements.flatMap((statement) => keysOf(statement, after, query.order));
  const looked = ahead.slice(0, window);
  const { lines, count } = await linesOf(database, looked, query);
  const isPast = query.order === "asc" && count === ahead.length;
  return {
    lines,
    // Past the last statement even if there was nothing in it.
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

/** An erasure has no keys and counts as one; `key` is null for it. */
interface Ahead {
  key: EventKey | null;
  statement: FeedStatement;
  /** Where a reader stands who has read it. */
  place: FeedPlace;
}

/** Takes statements until they have as many keys as the window. The first may have been read in part: it is free. */
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

/** The order is that of the keys, which json_each hands out by rowid: so the search ends at the limit. */
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

/** What a reader who stands at `after` has ahead of a statement. */
function keysOf(statement: FeedStatement, after: FeedPlace, order: FeedQuery["order"]): Ahead[] {
  const { position } = statement;
  const keys = statement.erased === null ? (JSON.parse(statement.keys) as EventKey[]) : [null];
  // Past its last key a statement counts as read, so that a reader does not depend on it any more.
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

/** Reads what the keys stand for, until the page is full; `count` is how many keys that took. */
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
    // A tombstone that was swept has taken the user's id with it.
    if (erased === null || user_id === null || (query.user_id ?? user_id) !== user_id) continue;
    lines.push({ kind: "erasure", user_id, generation: erased, at, place });
  }
  return { lines, count: end };
}
