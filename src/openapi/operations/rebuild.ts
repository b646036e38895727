import { rebuildQuery } from "../../http/read/rebuild.ts";
import type { Operation } from "../operation.ts";
import { queryParameters } from "../query-parameters.ts";
import { OF_READS, problemExample } from "../shared-problems.ts";

const count = { type: "integer", minimum: 0 };

const FIELDS = {
  database: { type: "string" },
  stage: {
    enum: ["erasures", "sweep", "users", "archive", "done"],
    description:
      "First erasures are repeated in D1, then remaining rows of erased logs are removed, then each user's log is sent again.",
  },
  started_at: { type: "string", format: "date-time" },
  erasures: { ...count, description: "How many erasures were repeated in D1." },
  users: { ...count, description: "How many users' logs were sent." },
  total_users: { ...count, description: "How many users the database has." },
  events: { ...count, description: "How many events were sent." },
};

export const rebuildOperation: Operation = {
  method: "post",
  path: "/rebuild",
  operationId: "rebuild",
  tag: "All users",
  summary: "Fill a D1 database from the users' logs",
  description:
    "For a database that was lost or restored to an earlier time. One request works for some seconds: repeat it until `stage` " +
    "is `done`, also after a 503, which loses nothing. Earlier cursors of the feed are answered with 410 from then on.",
  key: "read",
  parameters: queryParameters(rebuildQuery, {
    database: "The binding of the D1 database, `DB` by default.",
    restart: "`true` starts again if a rebuild is under way. Send it only with the first request.",
  }),
  answers: {
    200: {
      description: "The progress.",
      content: {
        "application/json": {
          type: "object",
          properties: FIELDS,
          required: Object.keys(FIELDS),
          additionalProperties: false,
        },
      },
    },
  },
  examples: {
    done: {
      summary: "A database that is small enough for one request",
      after: ["track/sample"],
      status: 200,
      answer: {
        database: "DB",
        stage: "done",
        started_at: "2026-01-02T03:04:05.678Z",
        erasures: 0,
        users: 1,
        total_users: 1,
        events: 1,
      },
    },
    invalid: problemExample(
      "A database that is not bound",
      { reason: "invalid_request", faults: [{ pointer: "/database", detail: "is not a bound database: DB" }] },
      { path: "/rebuild?database=DB_9" },
    ),
    // The answer also tells what was done so far.
    unreachable: problemExample("D1, or a user's log, cannot be reached", { reason: "unreachable" }, undefined, {
      database: "DB",
      stage: "erasures",
      started_at: "2026-01-02T03:04:05.678Z",
      erasures: 0,
      users: 0,
      total_users: 1,
      events: 0,
    }),
  },
  problems: OF_READS.filter((name) => name !== "unreachable"),
};
