import { type Context, Hono } from "hono";
import * as v from "valibot";
import { databaseNamed, databaseNames } from "../../d1/databases.ts";
import { type FeedCursor, type FeedFilter, type FeedPage, type FeedRow, readFeed } from "../../d1/read-feed.ts";
import { MAX_PAGE_EVENTS, MAX_STREAM_QUERIES } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import type { AppEnv } from "../app-env.ts";
import { cursorTo, encodeCursor } from "./cursor.ts";
import { presentEvent } from "./present-event.ts";
import { problem } from "../problem.ts";
import { nonEmptyText, pageLimit, parseQuery } from "./query.ts";
import { requireKey } from "../require-key.ts";

const position = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const START = encodeCursor({});

export const feedQuery = v.strictObject({
  // Empty is the start, too, so that a loop in a shell needs no special case.
  after: v.optional(
    v.pipe(
      v.string(),
      v.transform((cursor) => cursor || START),
      cursorTo(v.record(v.pipe(v.string(), v.regex(/^DB(_\d+)?$/)), position)),
    ),
    START,
  ),
  event: v.optional(nonEmptyText),
  user_id: v.optional(nonEmptyText),
  limit: pageLimit,
});

/** The events of all users out of D1, as a page or, for `Accept: application/x-ndjson`, as a stream of lines. */
export const feed = new Hono<AppEnv>().get("/events", requireKey("read"), async (c) => {
  const parsed = parseQuery(c, feedQuery);
  if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
  const { after, limit, ...filter } = parsed.query;
  const databases = databaseNames(c.env).map((name) => ({ name, database: databaseNamed(c.env, name) }));
  const read = (from: FeedCursor, count: number) => readFeed(databases, from, filter as FeedFilter, count);

  const isStream = wantsLines(c);
  // A stream goes on to the end of the feed, unless a limit was asked for.
  const isWhole = isStream && c.req.query("limit") === undefined;
  const pages = isWhole ? Math.max(1, Math.floor(MAX_STREAM_QUERIES / (2 * databases.length))) : 1;
  let first: FeedPage;
  try {
    first = await read(after, isWhole ? MAX_PAGE_EVENTS : limit);
  } catch (error) {
    logFailure("feed_unreadable", error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unreachable" });
  }
  if (!isStream) return c.json({ events: first.rows.map(presentRow), next_cursor: encodeCursor(first.next) });
  const lines = linesOf(first, (from) => read(from, MAX_PAGE_EVENTS), pages);
  const onFailure = (error: unknown) => logFailure("feed_broken_off", error, { request_id: c.get("requestId") });
  return c.body(streamOf(lines, onFailure), 200, { "Content-Type": "application/x-ndjson" });
});

/** A page at a time, as fast as the client reads. Each line has its own cursor, to go on from wherever it broke off. */
async function* linesOf(
  first: FeedPage,
  read: (after: FeedCursor) => Promise<FeedPage>,
  pages: number,
): AsyncGenerator<string> {
  for (let page = first, count = 1; ; page = await read(page.next), count++) {
    yield page.rows
      .map((row, i) => `${JSON.stringify({ ...presentRow(row), cursor: encodeCursor(page.cursors[i]) })}\n`)
      .join("");
    if (!page.more || count === pages) return;
  }
}

/** Should D1 fail in between, the stream breaks instead of ending, so that a reader cannot take a part for the whole. */
function streamOf(lines: AsyncGenerator<string>, onFailure: (error: unknown) => void): ReadableStream {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      try {
        const next = await lines.next();
        if (next.done) controller.close();
        else controller.enqueue(encoder.encode(next.value));
      } catch (error) {
        onFailure(error);
        controller.error(error);
      }
    },
  });
}

function presentRow(row: FeedRow) {
  return { user_id: row.user_id, ...presentEvent(row) };
}

function wantsLines(c: Context): boolean {
  return /application\/(x-)?ndjson/i.test(c.req.header("accept") ?? "");
}
