import type { Description } from "./description.ts";
import type { JsonSchema } from "./sample-of.ts";

const PROBLEM: JsonSchema = {
  type: "object",
  properties: { code: { type: "string" }, detail: { type: "string" } },
  required: ["code", "detail"],
  additionalProperties: false,
};
const refused = { content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } };
const answered = (schema: JsonSchema) => ({ content: { "application/json": { schema } } });

/** A description with something of every kind, for tests without a server. */
export const SMALL_DESCRIPTION: Description = {
  paths: {
    "/track": {
      post: {
        requestBody: {
          content: {
            "application/json": {
              schema: { $ref: "#/components/schemas/Event" },
              examples: {
                single: { value: { event: "e", user_id: "u", timestamp: 1, properties: { a: "b" } } },
                lines: { value: '{"event": "e", "properties": {}}\n{"event": "f", "properties": {}}\n' },
              },
            },
          },
        },
        responses: {
          200: answered({ type: "object" }),
          207: answered({ type: "object", required: ["results"] }),
          400: refused,
          503: { ...refused, headers: { "Retry-After": {} } },
        },
        security: [{ writeKey: [] }],
      },
    },
    "/users/{user_id}/events": {
      get: {
        parameters: [
          { name: "user_id", in: "path", schema: { type: "string" } },
          { name: "limit", in: "query", schema: { type: "integer", minimum: 1, maximum: 500 } },
        ],
        responses: { 200: answered({ type: "object" }), 400: refused },
        security: [{ readKey: [] }],
      },
    },
    "/": { get: { responses: { 200: answered({ type: "object", required: ["name"] }) }, "x-aliases": ["/home"] } },
  },
  components: {
    schemas: {
      Problem: PROBLEM,
      Event: {
        type: "object",
        properties: {
          event: { type: "string", minLength: 1, maxLength: 200 },
          user_id: { type: "string" },
          timestamp: { anyOf: [{ type: "string" }, { type: "number" }] },
          properties: { type: "object" },
        },
        required: ["user_id"],
        anyOf: [{ required: ["event"] }],
      },
    },
    responses: { UnknownPath: refused, UnknownMethod: refused, no_read_key: refused, origin_not_allowed: refused },
  },
};
