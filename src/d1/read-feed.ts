import { FEED_WINDOW_KEYS, MAX_PAGE_BYTES } from "../limits.ts";
import type { EventRow } from "./event-row.ts";

/**
 * A place in the feed of one database: a statement's position, and how many of its keys lie on the side that was read.
 * In ascending order these are the first ones, in descending order the key itself and all after it are read.
 */
export type FeedPlace = [position: number, keys: number];

/** A line of the feed: an event in its latest revision, or the erasure of a log. */
export type FeedLine =
  | { kind: "event"; row: EventRow; place: FeedPlace }
  | { kind: "erasure"; user_id: string; generation: number; place: FeedPlace };

export interface FeedQuery {
  event?: string | undefined;
  user_id?: string | undefined;
  order: "asc" | "desc";
  /** How many lines the page may hold; it ends early at MAX_PAGE_BYTES and after FEED_WINDOW_KEYS. */
  limit: number;
}

export interface FeedPage {
  lines: FeedLine[];
  /** Where the next page begins. A page may be short, even empty, before the end. */
  next: FeedPlace;
  /** Whether the feed has more than was looked at. */
  more: boolean;
}

/** Where a reader begins who has read nothing. */
export const FEED_START: Record<FeedQuery["order"], FeedPlace> = { asc: [0, 0], desc: [Number.MAX_SAFE_INTEGER, 0] };

/** Statements that one query looks at besides: a small one is a row to read as well. */
const WINDOW_STATEMENTS = 500;

/**
 * Reads a page of one database's feed, in the order of its statements. A place misses and repeats nothing: positions
 * rise with the commits, and an update is told anew. An event that was updated later is told there only.
 *
 * Two queries, of bounded cost whatever is filtered. Rejects with what D1 throws.
 */
export async function readFeed(database: D1Database, after: FeedPlace, query: FeedQuery): Promise<FeedPage> {
  const { lines, window } = statementsOf(query);
  const filter = [query.event ?? null, query.user_id ?? null];
  // In one transaction: the end must be that of the lines that were read, or one in between would be missed.
  const [found, ends] = await database.batch<never>([
    database.prepare(lines).bind(...after, ...filter, query.limit + 1),
    database.prepare(window).bind(after[0]),
  ]);
  const rows = found!.results as FoundRow[];
  const [end] = ends!.results as { position: number; keys: number; more: number }[];
  const kept = rows
    .slice(0, query.limit)
    .filter(({ bytes_before }, index) => index === 0 || bytes_before < MAX_PAGE_BYTES);
  const page = kept.map((row) => lineOf(row, query.order));
  if (kept.length < rows.length) return { lines: page, next: page.at(-1)!.place, more: true };
  if (!end) return { lines: page, next: after, more: false };
  const next: FeedPlace = query.order === "asc" ? [end.position, end.keys] : [end.position, 0];
  return { lines: page, next, more: end.more === 1 };
}

interface FoundRow extends EventRow {
  position: number;
  key: number;
  erased: number | null;
  erased_user_id: string | null;
  bytes_before: number;
}

function lineOf(found: FoundRow, order: FeedQuery["order"]): FeedLine {
  const { position, key, erased, erased_user_id, bytes_before: _, ...row } = found;
  const place: FeedPlace = [position, order === "asc" ? key + 1 : key];
  return erased === null
    ? { kind: "event", row, place }
    : { kind: "erasure", user_id: erased_user_id!, generation: erased, place };
}

/** An erasure has no keys and counts as one. */
const KEYS = "max(events, 1)";

function statementsOf({ order }: FeedQuery): { lines: string; window: string } {
  const [from, past, direction] = order === "asc" ? [">=", ">", ""] : ["<=", "<", "DESC"];
  const isLeft = order === "asc" ? "coalesce(sent.key, 0) >= ?2" : "coalesce(sent.key, 0) < ?2";
  const looked = `SELECT position, events, keys, erased FROM (
    SELECT *, sum(${KEYS}) OVER (ORDER BY position ${direction}) - ${KEYS} AS before
    FROM (SELECT * FROM feed WHERE position ${from} ?1 ORDER BY position ${direction} LIMIT ${WINDOW_STATEMENTS}))
  WHERE before < ${FEED_WINDOW_KEYS}`;
  const lines = `
SELECT *, sum(coalesce(octet_length(properties) + octet_length(context), 0))
            OVER (ORDER BY position ${direction}, key ${direction} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
            - coalesce(octet_length(properties) + octet_length(context), 0) AS bytes_before
FROM (
  SELECT looked.position, coalesce(sent.key, 0) AS key, looked.erased, tombstone.user_id AS erased_user_id, events.*
  FROM (${looked}) AS looked
  LEFT JOIN json_each(looked.keys) AS sent
  LEFT JOIN events ON events.timestamp = sent.value ->> 0 AND events.generation = sent.value ->> 1
    AND events.seq = sent.value ->> 2 AND events.revision = sent.value ->> 3
  LEFT JOIN erased AS tombstone ON tombstone.generation = looked.erased
  WHERE (looked.position ${past} ?1 OR ${isLeft})
    AND (tombstone.user_id IS NOT NULL OR (events.seq IS NOT NULL AND events.event = coalesce(?3, events.event)))
    AND coalesce(tombstone.user_id, events.user_id) = coalesce(?4, tombstone.user_id, events.user_id)
  ORDER BY looked.position ${direction}, key ${direction} LIMIT ?5)`;
  const window = `
SELECT position, ${KEYS} AS keys,
  EXISTS (SELECT 1 FROM feed WHERE feed.position ${past} looked.position) AS more
FROM (${looked}) AS looked ORDER BY position ${order === "asc" ? "DESC" : ""} LIMIT 1`;
  return { lines, window };
}
