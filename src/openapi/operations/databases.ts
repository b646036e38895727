import type { JsonSchema, Operation } from "../operation.ts";
import { OF_READS, problemExample } from "../shared-problems.ts";

const text: JsonSchema = { type: "string" };
const count: JsonSchema = { type: "integer", minimum: 0 };
const timeOrNull: JsonSchema = { type: ["string", "null"], format: "date-time" };
const milliseconds: JsonSchema = { type: ["integer", "null"] };

function record(properties: Record<string, JsonSchema>): JsonSchema {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}

export const databasesOperation: Operation = {
  method: "get",
  path: "/stats/databases",
  operationId: "databases",
  tag: "All users",
  summary: "Show each database's size, lag and backlog",
  key: "read",
  answers: {
    200: {
      description: "The databases that answer within two seconds, and the names of the others.",
      content: {
        "application/json": record({
          databases: {
            type: "array",
            items: record({
              name: text,
              bytes: count,
              users: count,
              waiting: record({ users: count, events: count, since: timeOrNull }),
              lag: record({ last_written_at: timeOrNull, median_ms: milliseconds, longest_ms: milliseconds }),
            }),
          },
          away: { type: "array", items: text },
        }),
      },
    },
  },
  examples: {
    all: {
      summary: "An empty database",
      request: {},
      status: 200,
      answer: {
        databases: [
          {
            name: "DB",
            bytes: 90_112,
            users: 0,
            waiting: { users: 0, events: 0, since: null },
            lag: { last_written_at: null, median_ms: null, longest_ms: null },
          },
        ],
        away: [],
      },
    },
    invalid: problemExample(
      "An unknown parameter",
      { reason: "invalid_request", faults: [{ pointer: "/x", detail: "is not a parameter of this path" }] },
      { path: "/stats/databases?x=1" },
    ),
  },
  // The answer itself names databases that are unavailable.
  problems: OF_READS.filter((name) => name !== "unreachable"),
};
