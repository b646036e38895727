import { type Context, Hono } from "hono";
import * as v from "valibot";
import { databaseNamed, databaseNames } from "../../d1/databases.ts";
import { FEED_START, type FeedLine, type FeedPlace, type FeedQuery, readFeed } from "../../d1/read-feed.ts";
import { MAX_PAGE_EVENTS, MAX_STREAM_QUERIES } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { cursorTo, encodeCursor } from "./cursor.ts";
import { presentEvent } from "./present-event.ts";
import { nonEmptyText, pageLimit, parseQuery } from "./query.ts";

const wholeNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const databaseName = v.pipe(v.string(), v.regex(/^DB(_\d+)?$/));

/** The place in each database, and the one to read first: each page begins with another, so that none is starved. */
const feedCursor = v.strictObject({
  first: v.optional(databaseName),
  places: v.record(databaseName, v.strictTuple([wholeNumber, wholeNumber])),
});

type FeedCursor = v.InferOutput<typeof feedCursor>;

const START = encodeCursor({ places: {} } satisfies FeedCursor);

export const feedQuery = v.strictObject({
  // Empty is the start, too, so that a loop in a shell needs no special case.
  after: v.optional(
    v.pipe(
      v.string(),
      v.transform((cursor) => cursor || START),
      cursorTo(feedCursor),
    ),
    START,
  ),
  event: v.optional(nonEmptyText),
  user_id: v.optional(nonEmptyText),
  order: v.optional(v.picklist(["asc", "desc"], "must be asc or desc"), "asc"),
  limit: pageLimit,
});

/** Some lines, each with the cursor behind it, and the cursor behind them all. */
interface Chunk {
  lines: { line: FeedLine; cursor: FeedCursor }[];
  cursor: FeedCursor;
  /** Whether there is more to read. */
  more: boolean;
}

/** The events of all users out of D1, as a page or, for `Accept: application/x-ndjson`, as a stream of lines. */
export const feed = new Hono<AppEnv>().get("/events", requireKey("read"), async (c) => {
  const parsed = parseQuery(c, feedQuery);
  if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
  const { after, ...query } = parsed.query;
  const isStream = wantsLines(c);
  // A stream goes on to the end of the feed, unless a limit was asked for.
  const isWhole = isStream && c.req.query("limit") === undefined;
  const chunks = chunksOf(c.env, after, isWhole ? { ...query, limit: MAX_PAGE_EVENTS } : query, isWhole);
  let first: Chunk;
  try {
    first = (await chunks.next()).value as Chunk;
  } catch (error) {
    logFailure("feed_unreadable", error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unreachable" });
  }
  if (isStream) {
    const onFailure = (error: unknown) => logFailure("feed_broken_off", error, { request_id: c.get("requestId") });
    return c.body(streamOf(linesOf(first, chunks, onFailure)), 200, { "Content-Type": "application/x-ndjson" });
  }
  const lines = first.lines.map(({ line }) => line);
  return c.json({
    events: lines.flatMap((line) => (line.kind === "event" ? [presentLine(line)] : [])),
    erased: lines.flatMap((line) =>
      line.kind === "erasure" ? [{ user_id: line.user_id, generation: line.generation }] : [],
    ),
    next_cursor: encodeCursor(first.cursor),
    more: first.more,
  });
});

/**
 * Reads the databases one after another, each to its end or until the limit is reached. For a whole stream, goes on
 * with chunk after chunk, as far as the platform lets one invocation query. Throws what D1 throws.
 */
async function* chunksOf(env: Env, after: FeedCursor, query: FeedQuery, isWhole: boolean): AsyncGenerator<Chunk> {
  const names = databaseNames(env);
  let cursor = after;
  let queries = 0;
  for (;;) {
    const start = Math.max(0, names.indexOf(cursor.first ?? ""));
    const chunk: Chunk = { lines: [], cursor, more: false };
    for (const name of [...names.slice(start), ...names.slice(0, start)]) {
      const rest = query.limit - chunk.lines.length;
      if (rest === 0) {
        chunk.more = true;
        break;
      }
      const place: FeedPlace = chunk.cursor.places[name] ?? FEED_START[query.order];
      const page = await readFeed(databaseNamed(env, name), place, { ...query, limit: rest });
      queries += 2;
      const at = (next: FeedPlace): FeedCursor => ({ first: name, places: { ...chunk.cursor.places, [name]: next } });
      chunk.lines.push(...page.lines.map((line) => ({ line, cursor: at(line.place) })));
      chunk.cursor = at(page.next);
      chunk.more ||= page.more;
    }
    const next = names[(names.indexOf(chunk.cursor.first ?? "") + 1) % names.length];
    cursor = { ...chunk.cursor, ...(next === undefined ? {} : { first: next }) };
    yield { ...chunk, cursor };
    if (!isWhole || !chunk.more || queries + 2 * names.length > MAX_STREAM_QUERIES) return;
  }
}

/**
 * A chunk at a time, as fast as the client reads. The last line says where to go on, and whether this was the end: also
 * where D1 failed in between, so that a reader always gets on.
 */
async function* linesOf(
  first: Chunk,
  chunks: AsyncGenerator<Chunk>,
  onFailure: (error: unknown) => void,
): AsyncGenerator<string> {
  let last = first;
  let isBroken = false;
  yield textOf(first);
  try {
    for await (const chunk of chunks) {
      yield textOf(chunk);
      last = chunk;
    }
  } catch (error) {
    onFailure(error);
    isBroken = true;
  }
  yield `${JSON.stringify({ cursor: encodeCursor(last.cursor), end: !last.more && !isBroken })}\n`;
}

function textOf({ lines }: Chunk): string {
  return lines
    .map(({ line, cursor }) => {
      const own = line.kind === "event" ? presentLine(line) : { erased: line.user_id, generation: line.generation };
      return `${JSON.stringify({ ...own, cursor: encodeCursor(cursor) })}\n`;
    })
    .join("");
}

function streamOf(lines: AsyncGenerator<string>): ReadableStream {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const next = await lines.next();
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
  });
}

function presentLine({ row }: FeedLine & { kind: "event" }) {
  return { user_id: row.user_id, generation: row.generation, ...presentEvent(row) };
}

function wantsLines(c: Context): boolean {
  return /application\/(x-)?ndjson/i.test(c.req.header("accept") ?? "");
}
