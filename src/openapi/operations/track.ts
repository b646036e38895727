import { MAX_REQUEST_EVENTS } from "../../limits.ts";
import type { Operation } from "../operation.ts";
import { listOf, schemaRef } from "../schemas.ts";
import { expiredExample, OF_BODIES, OF_WRITES, problemExample } from "../shared-problems.ts";

/** The documentation's sample, identical except for white space. */
const SAMPLE = {
  event: "event_name",
  properties: { property1: "value1", property2: "value2" },
  user_id: "user123",
  timestamp: "20-11-23T22:28:55.111Z",
};
const OTHER = {
  event_name: "signed_up",
  properties: { email: "ann@example.com", first_name: "Ann", plan: "pro" },
  user_id: "user123",
  timestamp: 1767323045,
  context: { page: "/pricing" },
  message_id: "m-1",
};
const BAD = { event: "signed_up", user_id: "user123", timestamp: "2026-02-30", properties: [] };
const FAULTS = [
  { pointer: "/properties", detail: 'must be an object like {"plan": "pro"}, not an array' },
  { pointer: "/timestamp", detail: "is an impossible date: 2026-2 has no day 30" },
];

const verdict = (status: string, revision: number) => ({
  success: true,
  status,
  event: "event_name",
  user_id: "user123",
  timestamp: "2020-11-23T22:28:55.111Z",
  seq: 1,
  revision,
});
const created = (index: number) => ({ index, status: "created", seq: index + 1, revision: 1 });
const bothCreated = { created: 2, duplicates: 0, updated: 0, rejected: 0, results: [created(0), created(1)] };

export const trackOperation: Operation = {
  method: "post",
  path: "/track",
  operationId: "track",
  tag: "Tracking",
  summary: "Record one or more events",
  description:
    `One event, an array of up to ${MAX_REQUEST_EVENTS}, \`{"batch": […]}\`, or newline-delimited JSON. The answer comes when the events are stored safely. ` +
    "Two events are the same if their user, timestamp, name and `message_id` are the same. Sent again, an event is a " +
    "`duplicate`; with other properties or context it is `updated`, by top-level key. A bad event does not affect the others. " +
    "An event that is older than RETENTION_DAYS is refused with the code `expired`; do not send it again.",
  key: "write",
  body: {
    "application/json": {
      anyOf: [
        schemaRef("Event"),
        { ...listOf(schemaRef("Event"), MAX_REQUEST_EVENTS), minItems: 1 },
        schemaRef("Batch"),
      ],
    },
    "application/x-ndjson": { type: "string", description: "One event on each line." },
  },
  answers: {
    200: {
      description: "Everything is stored safely. The answer has the verdict on the event, or on each event.",
      content: { "application/json": { anyOf: [schemaRef("Verdict"), schemaRef("BatchVerdict")] } },
    },
    207: {
      description: "Some events are stored safely and others were refused; each has its result.",
      content: { "application/json": schemaRef("BatchVerdict") },
    },
  },
  examples: {
    sample: {
      summary: "The documentation's sample",
      request: { body: SAMPLE },
      status: 200,
      answer: verdict("created", 1),
    },
    duplicate: {
      summary: "Sent again",
      request: { body: SAMPLE },
      after: ["track/sample"],
      status: 200,
      answer: verdict("duplicate", 1),
    },
    updated: {
      summary: "Sent again with another property",
      request: { body: { ...SAMPLE, properties: { property3: "value3" } } },
      after: ["track/sample"],
      status: 200,
      answer: verdict("updated", 2),
    },
    every_field: {
      summary: "Every field, with an epoch number as the time",
      request: { body: OTHER },
      status: 200,
      answer: { ...verdict("created", 1), event: "signed_up", timestamp: "2026-01-02T03:04:05.000Z" },
    },
    late: {
      summary: "An event that happened before one that is already stored",
      request: { body: SAMPLE },
      after: ["track/every_field"],
      status: 200,
      answer: { ...verdict("created", 1), seq: 2, late: true },
    },
    suppressed: {
      summary: "An event of a user whose events are not stored",
      request: { body: SAMPLE },
      after: ["suppressUser/suppress"],
      status: 200,
      answer: {
        success: true,
        status: "suppressed",
        event: "event_name",
        user_id: "user123",
        timestamp: "2020-11-23T22:28:55.111Z",
      },
    },
    array: {
      summary: "An array",
      request: { body: [SAMPLE, OTHER] },
      status: 200,
      answer: { success: true, ...bothCreated },
    },
    batch: {
      summary: "A batch",
      request: { body: { batch: [SAMPLE, OTHER] } },
      status: 200,
      answer: { success: true, ...bothCreated },
    },
    lines: {
      summary: "Newline-delimited JSON",
      request: {
        headers: { "Content-Type": "application/x-ndjson" },
        body: `${JSON.stringify(SAMPLE)}\n${JSON.stringify(OTHER)}\n`,
      },
      status: 200,
      answer: { success: true, ...bothCreated },
    },
    some_refused: {
      summary: "An array with a bad event",
      request: { body: [SAMPLE, BAD] },
      status: 207,
      answer: {
        success: false,
        created: 1,
        duplicates: 0,
        updated: 0,
        rejected: 1,
        results: [created(0), { index: 1, status: "rejected", errors: FAULTS }],
      },
    },
    refused: {
      ...problemExample("A bad event", { reason: "invalid_request", faults: FAULTS }, { body: BAD }),
    },
    expired: expiredExample(Date.UTC(2020, 10, 23, 22, 28, 55, 111), { body: SAMPLE }),
    all_refused: problemExample(
      "An array without a good event",
      { reason: "invalid_request", faults: FAULTS.map((fault) => ({ ...fault, pointer: `/0${fault.pointer}` })) },
      { body: [BAD] },
      {
        created: 0,
        duplicates: 0,
        updated: 0,
        rejected: 1,
        results: [{ index: 0, status: "rejected", errors: FAULTS }],
      },
    ),
    not_json: problemExample(
      "A body that is not JSON",
      {
        reason: "malformed_body",
        detail:
          "is not valid JSON: see line 1, character 23 (there is a comma too many before it, or a value is missing)",
      },
      { body: '{"event": "signed_up",}' },
    ),
    too_many_events: problemExample(
      "More than 500 events",
      { reason: "body_too_large", limit: MAX_REQUEST_EVENTS, actual: MAX_REQUEST_EVENTS + 1, unit: "events" },
      { headers: { "Content-Type": "application/x-ndjson" }, repeat: { text: "{}\n", times: MAX_REQUEST_EVENTS + 1 } },
    ),
  },
  problems: [...OF_BODIES, ...OF_WRITES, "user_rate_limited", "unavailable"],
};
