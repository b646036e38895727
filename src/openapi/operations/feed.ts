import { encodeCursor } from "../../http/read/cursor.ts";
import { feedQuery } from "../../http/read/feed.ts";
import type { Operation } from "../operation.ts";
import { queryParameters } from "../query-parameters.ts";
import { schemaRef } from "../schemas.ts";
import { OF_READS, problemExample } from "../shared-problems.ts";
import { STORED_SAMPLE } from "../stored-sample.ts";

const EVENT = { user_id: "user123", generation: 6755399441055744, ...STORED_SAMPLE };
const CURSOR = encodeCursor({ DB: ["8f0c5e9a6f0b4d4e", 2, 0] });

export const feedOperation: Operation = {
  method: "get",
  path: "/events",
  operationId: "feed",
  tag: "All users",
  summary: "Read the feed of all users",
  description:
    "Rows in the order in which D1 got them. An update appears as a row of its own, and so does an erasure. Reading forwards by cursor " +
    "neither misses nor repeats a row. A page before the end may be short or even empty. With `Accept: " +
    "application/x-ndjson` the rest of the feed is streamed, up to the `limit` if there is one; each line has its `cursor`, and the last " +
    "one says whether that was the end.",
  key: "read",
  parameters: queryParameters(feedQuery, {
    after:
      "The `next_cursor` of the previous page, or the `cursor` of a line. If it is empty, reading begins at the start.",
    event: "Only events of this name, and all erasures.",
    user_id: "Only events of this user.",
    order:
      "`desc` returns the newest first. It may miss an event that is updated while you read. `time` is not the feed: it " +
      "returns all that D1 has, one database after the other, with the events in the order of their time and then the " +
      "erased logs. Read that and then the archive, and you have everything.",
    limit: "How many events the page may hold.",
  }),
  answers: {
    200: {
      description: "A page, or the lines.",
      content: {
        "application/json": schemaRef("FeedPage"),
        "application/x-ndjson": { type: "string", description: "One `FeedLine` on each line." },
      },
    },
    410: {
      description:
        "The feed cannot continue from this cursor: a database was rebuilt or restored since, or the next events have left D1. " +
        "Begin anew without `after`. Events that have left D1 are in the archive.",
      content: { "application/problem+json": schemaRef("Problem") },
    },
  },
  examples: {
    page: {
      summary: "A user's events",
      request: { path: "/events?user_id=user123" },
      after: ["track/sample"],
      status: 200,
      answer: { events: [EVENT], erased: [], next_cursor: CURSOR, more: false },
    },
    lines: {
      summary: "A user's events as lines",
      request: { path: "/events?user_id=user123", headers: { Accept: "application/x-ndjson" } },
      after: ["track/sample"],
      status: 200,
      answer: `${JSON.stringify({ ...EVENT, cursor: CURSOR })}\n${JSON.stringify({ cursor: CURSOR, end: true })}\n`,
    },
    invalid: problemExample(
      "A query with faults",
      {
        reason: "invalid_request",
        faults: [
          { pointer: "/after", detail: "is not a cursor of this list" },
          { pointer: "/limit", detail: "must be a whole number from 1 to 500" },
        ],
      },
      { path: "/events?limit=0&after=x" },
    ),
    gone: problemExample(
      "A cursor from before a rebuild",
      { reason: "cursor_gone" },
      { path: `/events?after=${CURSOR}` },
    ),
  },
  problems: [...OF_READS],
};
