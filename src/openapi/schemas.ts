import { USER_PROPERTIES } from "../event/contract.ts";
import { MAX_REPORTED_FAULTS, MAX_REQUEST_EVENTS } from "../limits.ts";
import { eventSchema } from "./event-schema.ts";
import type { JsonSchema } from "./operation.ts";

export function schemaRef(name: keyof ReturnType<typeof schemas>): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

export function listOf(items: JsonSchema, maxItems?: number): JsonSchema {
  return { type: "array", items, ...(maxItems && { maxItems }) };
}

const text: JsonSchema = { type: "string" };
const time: JsonSchema = { type: "string", format: "date-time", description: "UTC, with milliseconds." };
const count: JsonSchema = { type: "integer", minimum: 0 };
const number: JsonSchema = { type: "integer", minimum: 1 };
const orNull = (type: string): JsonSchema => ({ type: [type, "null"] });

/** An object with exactly these fields. All are required except those whose names end in "?". */
function record(fields: Record<string, JsonSchema>, description?: string): JsonSchema {
  const names = Object.keys(fields);
  return {
    type: "object",
    ...(description && { description }),
    properties: Object.fromEntries(names.map((name) => [name.replace("?", ""), fields[name]])),
    required: names.filter((name) => !name.endsWith("?")),
    additionalProperties: false,
  };
}

const verdict = {
  "seq?": { ...number, description: "The event's number in the user's log." },
  "revision?": { ...number, description: "1 at first, increased by each update." },
  "late?": { const: true, description: "Present if the event happened before one that was already stored." },
};

const batchVerdict = {
  created: count,
  duplicates: count,
  updated: count,
  rejected: count,
  "suppressed?": count,
  results: listOf({ $ref: "#/components/schemas/Result" }, MAX_REQUEST_EVENTS),
};

const storedEvent = {
  event: text,
  timestamp: time,
  properties: { type: "object" },
  context: { type: "object" },
  message_id: orNull("string"),
  seq: number,
  revision: number,
  received_at: time,
  source: { ...orNull("string"), description: "The name of the write key that it was sent with." },
};

const feedEvent = {
  user_id: text,
  generation: { ...count, description: "Identifies the user's log that holds it; it changes after an erasure." },
  ...storedEvent,
};

const receipts = {
  ...listOf(
    record({
      erased_at: time,
      events: { ...count, description: "How many events the log had." },
      databases: {
        ...listOf(
          record({
            database: { ...text, description: "The binding of a D1 database." },
            events: { ...count, description: "How many of the events it had, or was to get." },
            stage: { enum: ["d1", "archive", "done"], description: "Which copy is being erased now." },
            archived_files: { ...count, description: "How many files of its archive were rewritten." },
          }),
        ),
        description: "Every database that the log was ever copied to: one, unless it had to go on in another.",
      },
      done_at: { type: ["string", "null"], format: "date-time" },
    }),
  ),
  description: "The user's erasures in the last 30 days, the latest first.",
};

const errors = listOf({ $ref: "#/components/schemas/Fault" }, MAX_REPORTED_FAULTS);

export function schemas() {
  return {
    Event: eventSchema(),
    Batch: record({ batch: { ...listOf({ $ref: "#/components/schemas/Event" }, MAX_REQUEST_EVENTS), minItems: 1 } }),
    Verdict: record(
      {
        success: { const: true },
        status: { enum: ["created", "duplicate", "updated", "suppressed"] },
        event: text,
        user_id: text,
        timestamp: time,
        ...verdict,
      },
      "What became of an event. An event of a suppressed user is not stored and has no `seq`.",
    ),
    BatchVerdict: record({ success: { type: "boolean" }, ...batchVerdict }, "Results are in the request's order."),
    Result: record({
      index: count,
      status: { enum: ["created", "duplicate", "updated", "suppressed", "rejected"] },
      ...verdict,
      "code?": { const: "expired", description: "Present if the event is older than RETENTION_DAYS." },
      "errors?": errors,
    }),
    Ignored: record({ success: { const: true }, status: { const: "ignored" } }, "Accepted, not stored."),
    Fault: record({
      pointer: { ...text, description: "RFC 6901 JSON pointer to what is wrong." },
      detail: { ...text, description: "What is wrong with it, as in “is required”." },
      "limit?": { type: "integer" },
      "actual?": { type: "integer" },
    }),
    Problem: problemSchema(),
    StoredEvent: record(storedEvent),
    FeedEvent: record(feedEvent),
    FeedLine: {
      description: "An event, an erasure, or the last line.",
      anyOf: [
        record({ ...feedEvent, cursor: text }),
        record({
          erased: { ...text, description: "The id of a user who was erased." },
          generation: count,
          cursor: text,
        }),
        record({ cursor: text, end: { type: "boolean", description: "False if there is more to read now." } }),
      ],
    },
    Timeline: record({
      user_id: text,
      events: listOf({ $ref: "#/components/schemas/StoredEvent" }),
      next_cursor: { ...orNull("string"), description: "Null at the end." },
    }),
    FeedPage: record({
      events: listOf({ $ref: "#/components/schemas/FeedEvent" }),
      erased: {
        ...listOf(record({ user_id: text, generation: count })),
        description: "Logs that were erased. Apply them after the events.",
      },
      next_cursor: { ...text, description: "Where to continue, also later when there are more events." },
      more: { type: "boolean", description: "Whether there is more to read now." },
    }),
    UserSummary: record({
      user_id: text,
      properties: record(
        Object.fromEntries(USER_PROPERTIES.map((name) => [`${name}?`, text])),
        "The latest known values.",
      ),
      events: number,
      first_seen: time,
      last_seen: time,
      pending: { ...count, description: "How many events D1 does not have yet." },
    }),
    Erasure: record({
      user_id: text,
      erased: { ...count, description: "How many events were erased." },
      erasures: receipts,
    }),
    ErasureReceipt: record({ user_id: text, erasures: receipts }),
    Suppression: record({ user_id: text, suppressed: { type: "boolean" } }),
    Message: {
      type: "object",
      description:
        "A message of Segment's protocol. In a `track` message, `event`, `properties`, `context`, `userId` (or " +
        "`anonymousId`), `timestamp` and `messageId` are read, with the limits of an event; other fields are ignored.",
      properties: { type: text, event: text, properties: { type: "object" }, context: { type: "object" } },
    },
    MessageBatch: {
      type: "object",
      required: ["batch"],
      properties: {
        batch: { ...listOf({ $ref: "#/components/schemas/Message" }, MAX_REQUEST_EVENTS), minItems: 1 },
        writeKey: { ...text, description: "The key, for clients that cannot send headers." },
      },
    },
  };
}

/** An RFC 9457 problem. It allows other members, because a refused batch also has its results. */
function problemSchema(): JsonSchema {
  const { additionalProperties: _, ...schema } = record(
    {
      type: { ...text, format: "uri", description: "`urn:tracklog:problem:` followed by the reason." },
      title: text,
      status: { type: "integer" },
      detail: text,
      code: { ...text, description: "The reason, which never changes: the end of `type`, with underscores." },
      message: { ...text, description: "The same as `detail`, for SDKs that look for it." },
      request_id: { ...text, description: "Also in the header X-Request-Id, and in the logs." },
      success: { const: false },
      errors,
      "limit?": { type: "integer" },
      "actual?": { type: "integer" },
      ...Object.fromEntries(Object.entries(batchVerdict).map(([name, field]) => [`${name.replace("?", "")}?`, field])),
    },
    "An RFC 9457 problem.",
  );
  return schema;
}
