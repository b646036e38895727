import { reasonsQuery, rejectionsQuery } from "../../http/read/rejections.ts";
import { MAX_REPLAYED_REJECTIONS, REJECTION_DAYS } from "../../limits.ts";
import { type JsonSchema, type Operation } from "../operation.ts";
import { queryParameters } from "../query-parameters.ts";
import { listOf } from "../schemas.ts";
import { OF_BODIES, OF_READS, problemExample } from "../shared-problems.ts";

const TAG = "What arrives";

const text: JsonSchema = { type: "string" };
const textOrNull: JsonSchema = { type: ["string", "null"] };
const time: JsonSchema = { type: "string", format: "date-time" };
const count: JsonSchema = { type: "integer", minimum: 0 };
const errors: JsonSchema = { type: "array", items: { type: "object" } };

const object = (properties: Record<string, JsonSchema>, required = Object.keys(properties)): JsonSchema => ({
  type: "object",
  required,
  properties,
});

const PERIOD = { from: "Only from this time on.", to: "Only before this time." };

const REJECTED = { ids: [999_999_999_999] };

export const rejectionOperations: Operation[] = [
  {
    method: "get",
    path: "/rejections",
    operationId: "rejections",
    tag: TAG,
    summary: "List what was refused",
    description:
      "The newest first, including what Segment's SDKs take for delivered. In each hour some of each reason are kept, for " +
      `${REJECTION_DAYS} days: the faults, the event's name, the key's name and the time, and nothing that identifies the user. With ` +
      '`KEEP_REJECTED_BODIES="true"` bodies and user ids are kept, too. A browser, which asks for `text/html`, gets a page instead.',
    key: "read",
    parameters: queryParameters(rejectionsQuery, {
      ...PERIOD,
      reason: "Only those with this reason.",
      event: "Only those of this event.",
      key: "Only those with the write key of this name.",
      user_id: "Only those of this user. Matches only rejections whose bodies were kept.",
      limit: "How many rejections the page may hold.",
      cursor: "The `next_cursor` of the previous page.",
    }),
    answers: {
      200: {
        description: "A page.",
        content: {
          "application/json": object({
            rejections: listOf(
              object(
                {
                  id: count,
                  received_at: time,
                  reason: text,
                  event: textOrNull,
                  key: textOrNull,
                  path: text,
                  errors,
                  user_id: textOrNull,
                  body: {},
                },
                ["id", "received_at", "reason", "event", "key", "path", "errors"],
              ),
            ),
            next_cursor: textOrNull,
          }),
        },
      },
    },
    examples: {
      none: {
        summary: "An event that was never refused",
        request: { path: "/rejections?event=user123" },
        status: 200,
        answer: { rejections: [], next_cursor: null },
      },
      invalid: problemExample(
        "A query with a fault",
        { reason: "invalid_request", faults: [{ pointer: "/cursor", detail: "is not a cursor of this list" }] },
        { path: "/rejections?cursor=x" },
      ),
    },
    problems: [...OF_READS],
  },
  {
    method: "get",
    path: "/rejections/reasons",
    operationId: "rejectionReasons",
    tag: TAG,
    summary: "Count refusals by reason",
    description:
      "Covers the last day unless you give a period, in whole hours, with the most frequent reason first. A reason is the first fault without its " +
      "numbers. Requests without a valid key are counted here but not kept. The numbers are gathered where requests arrive and stored " +
      "every few seconds, so they lag a little, and numbers are lost if an instance ends before it has stored them.",
    key: "read",
    parameters: queryParameters(reasonsQuery, PERIOD),
    answers: {
      200: {
        description: "The reasons.",
        content: {
          "application/json": object({
            from: time,
            to: time,
            reasons: listOf(
              object({
                reason: text,
                rejections: count,
                hours: listOf(object({ hour: time, rejections: count })),
                events: listOf(object({ event: textOrNull, rejections: count })),
                keys: listOf(object({ key: textOrNull, rejections: count })),
              }),
            ),
          }),
        },
      },
    },
    examples: {
      none: {
        summary: "Nothing was refused",
        request: { path: "/rejections/reasons?from=2020-01-01&to=2020-01-02" },
        status: 200,
        answer: { from: "2020-01-01T00:00:00.000Z", to: "2020-01-02T00:00:00.000Z", reasons: [] },
      },
      invalid: problemExample(
        "An impossible date",
        {
          reason: "invalid_request",
          faults: [{ pointer: "/to", detail: "is an impossible date: 2026-2 has no day 30" }],
        },
        { path: "/rejections/reasons?to=2026-02-30" },
      ),
    },
    problems: [...OF_READS],
  },
  {
    method: "post",
    path: "/rejections/replay",
    operationId: "replayRejections",
    tag: TAG,
    summary: "Record rejected events again",
    description:
      "For rejections whose bodies were kept, once their events can be accepted. Each is recorded under its original key. An accepted event is no longer a rejection. An " +
      `event that was sent again meanwhile is a duplicate. One request takes ${MAX_REPLAYED_REJECTIONS}: continue with \`after\` until \`next_after\` is null.`,
    key: "read",
    body: {
      "application/json": {
        type: "object",
        anyOf: [{ required: ["ids"] }, { required: ["reason"] }],
        additionalProperties: false,
        properties: {
          ids: { type: "array", items: count, minItems: 1, maxItems: MAX_REPLAYED_REJECTIONS },
          reason: text,
          after: { ...count, description: "Only rejections with a higher id." },
        },
      },
    },
    answers: {
      200: {
        description: "What became of each.",
        content: {
          "application/json": object({
            success: { const: true },
            replayed: count,
            results: listOf(object({ id: count, status: text, seq: count, revision: count, errors }, ["id", "status"])),
            next_after: { type: ["integer", "null"] },
          }),
        },
      },
    },
    examples: {
      none: {
        summary: "An id that is no longer a rejection",
        request: { body: REJECTED },
        status: 200,
        answer: { success: true, replayed: 0, results: [], next_after: null },
      },
      invalid: problemExample(
        "Neither ids nor a reason",
        { reason: "invalid_request", faults: [{ pointer: "", detail: "must hold ids or a reason" }] },
        { body: {} },
      ),
      malformed: problemExample(
        "A body that is not JSON",
        { reason: "malformed_body", detail: "is not valid JSON: see line 1, character 2 (it ends too early)" },
        { body: "{" },
      ),
    },
    problems: [...OF_BODIES, ...OF_READS],
  },
];
