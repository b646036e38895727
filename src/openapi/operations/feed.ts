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
  summary: "The feed of all users",
  description:
    "In the order in which D1 got the rows; an update shows up again, and so does an erasure. A cursor read forwards " +
    "neither misses nor repeats a row. A page may be short, even empty, before the end. With `Accept: " +
    "application/x-ndjson` the whole rest is streamed, unless a limit is given; each line has its `cursor`, and the last " +
    "one says whether that was the end.",
  key: "read",
  parameters: queryParameters(feedQuery, {
    after: "The `next_cursor` of the page before, or the `cursor` of a line. Empty: from the start.",
    event: "Only events of this name, and all erasures.",
    user_id: "Only events of this user.",
    order:
      "`desc`: the newest first. An event that is updated meanwhile may be missing. `time`: no feed, but all that D1 " +
      "has, one database after the other, its events as they happened and then its erased logs. With the archive, read " +
      "after it, that is everything.",
    limit: "How many events the page may hold.",
  }),
  answers: {
    200: {
      description: "A page, or the lines.",
      content: {
        "application/json": schemaRef("FeedPage"),
        "application/x-ndjson": { type: "string", description: "A `FeedLine` a line." },
      },
    },
    410: {
      description:
        "The feed cannot go on from this cursor: a database was rebuilt or restored since, or what comes next has left D1. " +
        "Begin anew without `after`; what is older than D1 is in the archive.",
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
