import { userId } from "../../event/contract.ts";
import type { Operation } from "../operation.ts";
import { publishedSchema } from "../published-schema.ts";
import { OF_READS, problemExample } from "../shared-problems.ts";
import { STORED_SAMPLE } from "../stored-sample.ts";

const LINES = [
  {
    kind: "user",
    user_id: "user123",
    properties: {},
    first_seen: "2020-11-23T22:28:55.111Z",
    last_seen: "2020-11-23T22:28:55.111Z",
    suppressed: false,
  },
  { kind: "event", ...STORED_SAMPLE },
  { kind: "end", events: 1, links: 0, erasures: 0, rejections: 0 },
];

export const exportOperation: Operation = {
  method: "get",
  path: "/users/{user_id}/export",
  operationId: "exportUser",
  tag: "Users",
  summary: "Download everything that is stored about a user",
  description:
    "One download of lines, each with its `kind`: the `user`, every `event` in the order of the timeline, a `link` for " +
    "each other `id` that the events link to the user, an `erasure` for each receipt, a `rejection` for each refused event " +
    "that is kept with its user (KEEP_REJECTED_BODIES), and `end` with the counts. Without that last line the download is " +
    "incomplete. Each linked id has its own export.",
  key: "read",
  parameters: [
    {
      name: "user_id",
      in: "path",
      required: true,
      description: "The user's id, percent-encoded.",
      schema: publishedSchema(userId),
      example: "user123",
    },
  ],
  answers: {
    200: {
      description: "The lines.",
      content: { "application/x-ndjson": { type: "string", description: "One JSON object on each line." } },
    },
  },
  examples: {
    export: {
      summary: "A user with one event",
      after: ["track/sample"],
      status: 200,
      answer: LINES.map((line) => `${JSON.stringify(line)}\n`).join(""),
    },
    unknown: problemExample(
      "A user for whom nothing is stored",
      { reason: "not_found", detail: "Nothing is stored for this user." },
      { path: "/users/user123-unknown/export" },
    ),
    impossible_id: problemExample(
      "An id that no user can have",
      {
        reason: "invalid_request",
        faults: [{ pointer: "/user_id", detail: "is a placeholder that only a bug produces, not an id" }],
      },
      { path: "/users/undefined/export" },
    ),
  },
  problems: [...OF_READS],
};
