import { userId } from "../../event/contract.ts";
import { timelineQuery } from "../../http/read/users.ts";
import type { Example } from "../example.ts";
import type { JsonSchema, Operation } from "../operation.ts";
import { publishedSchema } from "../published-schema.ts";
import { queryParameters } from "../query-parameters.ts";
import { schemaRef } from "../schemas.ts";
import { OF_READS, problemExample } from "../shared-problems.ts";
import { STORED_SAMPLE } from "../stored-sample.ts";

const COMMON = { tag: "Users", key: "read", problems: [...OF_READS] } as const;

const ID: JsonSchema = {
  name: "user_id",
  in: "path",
  required: true,
  description: "The user's id, percent-encoded.",
  schema: publishedSchema(userId),
  example: "user123",
};

const BOTH = [
  {
    event: "signed_up",
    timestamp: "2026-01-02T03:04:05.000Z",
    properties: { email: "ann@example.com", first_name: "Ann", plan: "pro" },
    context: { page: "/pricing" },
    message_id: "m-1",
    seq: 2,
    revision: 1,
    received_at: "2026-01-02T03:04:05.678Z",
    source: null,
  },
];

function answerWith(description: string, schema: Parameters<typeof schemaRef>[0]): Operation["answers"] {
  return { 200: { description, content: { "application/json": schemaRef(schema) } } };
}

/** A path with an id that no user can have. */
function impossibleId(rest: string): Example {
  const detail = "is a placeholder that only a bug produces, not an id";
  const path = `/users/undefined${rest}`;
  return problemExample(
    "An id that no user can have",
    { reason: "invalid_request", faults: [{ pointer: "/user_id", detail }] },
    { path },
  );
}

function unknownUser(rest: string): Example {
  const path = `/users/user123-unknown${rest}`;
  return problemExample(
    "A user for whom nothing is stored",
    { reason: "not_found", detail: "Nothing is stored for this user." },
    { path },
  );
}

const timeline: Operation = {
  ...COMMON,
  method: "get",
  path: "/users/{user_id}/events",
  operationId: "timeline",
  summary: "Read a user's timeline",
  description:
    "The events are ordered by (timestamp, seq) and come from the user's own log, so every answered event is there. Continue with `next_cursor` until " +
    "it is null; before that, a page filtered by `event` may be short or even empty. Events older than RETENTION_DAYS are not shown.",
  parameters: [
    ID,
    ...queryParameters(timelineQuery, {
      from: "Only events from this time on, in any form of a timestamp.",
      to: "Only events before this time.",
      event: "Only events of this name.",
      order: "`asc` returns the oldest first, `desc` the newest.",
      limit: "How many events the page may hold.",
      cursor: "The `next_cursor` of the previous page.",
    }),
  ],
  answers: answerWith("A page.", "Timeline"),
  examples: {
    timeline: {
      summary: "The whole timeline",
      request: { path: "/users/user123/events" },
      after: ["track/sample"],
      status: 200,
      answer: { user_id: "user123", events: [STORED_SAMPLE], next_cursor: null },
    },
    page: {
      summary: "The newest event",
      request: { path: "/users/user123/events?order=desc&limit=1&from=2020-01-01" },
      after: ["track/array"],
      status: 200,
      answer: { user_id: "user123", events: BOTH, next_cursor: "WzE3NjczMjMwNDUwMDAsMl0" },
    },
    invalid: problemExample(
      "A query with faults",
      {
        reason: "invalid_request",
        faults: [
          { pointer: "/form", detail: "is not a parameter of this path" },
          { pointer: "/order", detail: "must be asc or desc" },
        ],
      },
      { path: "/users/user123/events?form=2026-01-01&order=up" },
    ),
    impossible_id: impossibleId("/events"),
    unknown: unknownUser("/events"),
  },
};

const summary: Operation = {
  ...COMMON,
  method: "get",
  path: "/users/{user_id}",
  operationId: "summary",
  summary: "Show a user at a glance",
  parameters: [ID],
  answers: answerWith("The user.", "UserSummary"),
  examples: {
    summary: {
      summary: "A user",
      request: { path: "/users/user123" },
      after: ["track/array"],
      status: 200,
      answer: {
        user_id: "user123",
        properties: { email: "ann@example.com", first_name: "Ann" },
        events: 2,
        first_seen: "2020-11-23T22:28:55.111Z",
        last_seen: "2026-01-02T03:04:05.000Z",
        pending: 0,
      },
    },
    impossible_id: impossibleId(""),
    unknown: unknownUser(""),
  },
};

const RECEIPT = {
  erased_at: "2026-01-02T03:04:05.678Z",
  events: 1,
  databases: [{ database: "DB", events: 1, stage: "d1", archived_files: 0 }],
  done_at: null,
};

const erase: Operation = {
  ...COMMON,
  method: "delete",
  path: "/users/{user_id}",
  operationId: "eraseUser",
  summary: "Erase a user",
  description: "Erases from the log at once, and from D1 right after. A suppression stays.",
  parameters: [ID],
  answers: answerWith("Erased.", "Erasure"),
  examples: {
    erased: {
      summary: "A user with one event",
      request: { path: "/users/user123" },
      after: ["track/sample"],
      status: 200,
      answer: { user_id: "user123", erased: 1, erasures: [RECEIPT] },
    },
    nothing: {
      summary: "A user for whom nothing is stored",
      request: { path: "/users/user123-unknown" },
      status: 200,
      answer: { user_id: "user123-unknown", erased: 0, erasures: [] },
    },
    impossible_id: impossibleId(""),
  },
};

const erasure: Operation = {
  ...COMMON,
  method: "get",
  path: "/users/{user_id}/erasure",
  operationId: "erasure",
  summary: "Show the progress of a user's erasure",
  description:
    "A receipt, kept for 30 days: when the user was erased, how many events, and when D1 and the archive were done, too.",
  parameters: [ID],
  answers: answerWith("The erasures.", "ErasureReceipt"),
  examples: {
    receipt: {
      summary: "A user who was erased just now",
      after: ["track/sample", "eraseUser/erased"],
      status: 200,
      answer: { user_id: "user123", erasures: [RECEIPT] },
    },
    unknown: problemExample(
      "A user for whom nothing was erased",
      { reason: "not_found", detail: "Nothing of this user was erased in the last 30 days." },
      { path: "/users/user123-unknown/erasure" },
    ),
    impossible_id: impossibleId("/erasure"),
  },
};

function suppression(method: "get" | "put" | "delete", operationId: string, name: string, title: string): Operation {
  const suppressed = method === "put";
  return {
    ...COMMON,
    method,
    path: "/users/{user_id}/suppression",
    operationId,
    summary: title,
    parameters: [ID],
    answers: answerWith("Whether the user is suppressed, so that no events are stored.", "Suppression"),
    examples: {
      [name]: { summary: title, status: 200, answer: { user_id: "user123", suppressed } },
      ...(method === "get" && {
        suppressed: {
          summary: "A user whose events are not stored",
          after: ["suppressUser/suppress"],
          status: 200,
          answer: { user_id: "user123", suppressed: true },
        },
      }),
      impossible_id: impossibleId("/suppression"),
    },
  };
}

export const userOperations = [
  timeline,
  summary,
  erase,
  erasure,
  suppression("get", "isUserSuppressed", "recorded", "Show whether a user is suppressed"),
  suppression("put", "suppressUser", "suppress", "Stop recording a user"),
  suppression("delete", "resumeUser", "resume", "Resume recording a user"),
];
