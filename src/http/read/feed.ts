import { type Context, Hono } from "hono";
import * as v from "valibot";
import type { EventRow } from "../../d1/event-row.ts";
import type { Fault } from "../../event/fault.ts";
import { ARCHIVE_PAGE_ROWS, FEED_WINDOW_KEYS } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import type { Chunk } from "./chunk.ts";
import { cursorTo, encodeCursor } from "./cursor.ts";
import { feedCursor, readChunks } from "./feed-chunks.ts";
import { presentEvent } from "./present-event.ts";
import { nonEmptyText, pageLimit, parseQuery } from "./query.ts";
import { streamOf } from "./stream-of.ts";
import { readTimeChunks, timeCursor } from "./time-chunks.ts";

const START = encodeCursor({});

export const feedQuery = v.strictObject({
  // An empty cursor is the start, so that a loop in a shell needs no special case.
  after: v.optional(
    v.pipe(
      v.string(),
      v.transform((cursor) => cursor || START),
      cursorTo(v.union([feedCursor, timeCursor])),
    ),
    START,
  ),
  event: v.optional(nonEmptyText),
  user_id: v.optional(nonEmptyText),
  order: v.optional(v.picklist(["asc", "desc", "time"], "must be asc, desc or time"), "asc"),
  limit: pageLimit,
});

/** The events of all users from D1, as a page or, for `Accept: application/x-ndjson`, as a stream of lines. */
export const feed = new Hono<AppEnv>().get("/events", requireKey("read"), async (c) => {
  const parsed = parseQuery(c, feedQuery);
  if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
  const isStream = wantsLines(c);
  // A stream continues to the end unless the request has a limit.
  const isWhole = isStream && c.req.query("limit") === undefined;
  const chunks = chunksOf(c.env, parsed.query, isWhole);
  if (Array.isArray(chunks)) return problem(c, { reason: "invalid_request", faults: chunks });
  let first: Chunk | "gone";
  try {
    first = (await chunks.next()).value as Chunk | "gone";
  } catch (error) {
    logFailure("feed_unreadable", error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unreachable" });
  }
  if (first === "gone") return problem(c, { reason: "cursor_gone" });
  if (isStream) {
    const onFailure = (error: unknown) => logFailure("feed_broken_off", error, { request_id: c.get("requestId") });
    const lines = streamOf(textsOf(first, chunks, onFailure), onFailure);
    return c.body(lines, 200, { "Content-Type": "application/x-ndjson" });
  }
  const { lines, cursor, more } = first;
  return c.json({
    events: lines.flatMap(({ line }) => (line.kind === "event" ? [presentRow(line)] : [])),
    erased: lines.flatMap(({ line }) =>
      line.kind === "erasure" ? [{ user_id: line.user_id, generation: line.generation }] : [],
    ),
    next_cursor: encodeCursor(cursor),
    more,
  });
});

/** The chunks that the query asks for, or what is wrong with the query. */
function chunksOf(
  env: Env,
  { after, order, ...filter }: v.InferOutput<typeof feedQuery>,
  isWhole: boolean,
): AsyncGenerator<Chunk | "gone", void> | Fault[] {
  if (order !== "time") {
    if (Array.isArray(after)) return [{ pointer: "/after", detail: "is not a cursor of this order" }];
    return readChunks(env, after, { ...filter, order, ...(isWhole && { limit: FEED_WINDOW_KEYS }) }, isWhole);
  }
  const faults = (["event", "user_id"] as const)
    .filter((name) => filter[name] !== undefined)
    .map((name) => ({ pointer: `/${name}`, detail: "cannot be combined with order=time" }));
  const isAtStart = !Array.isArray(after) && Object.keys(after).length === 0;
  if (!isAtStart && !Array.isArray(after)) faults.push({ pointer: "/after", detail: "is not a cursor of this order" });
  if (faults.length > 0) return faults;
  return readTimeChunks(env, Array.isArray(after) ? after : null, isWhole ? ARCHIVE_PAGE_ROWS : filter.limit, isWhole);
}

/**
 * Yields a chunk at a time, as fast as the client reads. The last line says where to continue and whether this was the
 * end. It comes even if D1 fails on the way, so that a reader always makes progress.
 */
async function* textsOf(
  first: Chunk,
  chunks: AsyncGenerator<Chunk | "gone">,
  onFailure: (error: unknown) => void,
): AsyncGenerator<string> {
  let last = first;
  yield textOf(first);
  try {
    for await (const chunk of chunks) {
      // A reader who continues from the last line gets the 410 then.
      if (chunk === "gone") break;
      last = chunk;
      yield textOf(chunk);
    }
  } catch (error) {
    onFailure(error);
  }
  yield `${JSON.stringify({ cursor: encodeCursor(last.cursor), end: !last.more })}\n`;
}

function textOf({ lines }: Chunk): string {
  return lines
    .map(({ line, cursor }) => {
      const own = line.kind === "event" ? presentRow(line) : { erased: line.user_id, generation: line.generation };
      return `${JSON.stringify({ ...own, cursor: encodeCursor(cursor) })}\n`;
    })
    .join("");
}

function presentRow({ row }: { row: EventRow }) {
  return { user_id: row.user_id, generation: row.generation, ...presentEvent(row) };
}

function wantsLines(c: Context): boolean {
  return /application\/(x-)?ndjson/i.test(c.req.header("accept") ?? "");
}
