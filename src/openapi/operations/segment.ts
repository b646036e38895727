import { BATCH_PATHS, CALL_PATHS } from "../../http/write/segment.ts";
import type { SegmentCall } from "../../event/segment-call.ts";
import type { JsonSchema, Operation } from "../operation.ts";
import { schemaRef } from "../schemas.ts";
import { expiredExample, OF_BODIES, OF_WRITES, problemExample } from "../shared-problems.ts";

const MESSAGE = {
  type: "track",
  event: "clicked",
  userId: "user123",
  properties: { button: "buy" },
  timestamp: "2026-01-02T03:04:05.678Z",
  messageId: "m-1",
};
const { event: _, ...NAMELESS } = MESSAGE;
const IDENTIFY = { ...NAMELESS, type: "identify", properties: {}, traits: { plan: "pro" }, messageId: "m-2" };
const NAME_MISSING = [{ pointer: "/event", detail: "is required" }];
const IGNORED = { success: true, status: "ignored" };
const CREATED = { index: 0, status: "created", seq: 1, revision: 1 };

export const SEGMENT_TAG = "Segment's protocol";

const COMMON = { method: "post", tag: SEGMENT_TAG, key: "write" } as const;

/** The first of a family's paths stands for all of them. */
function family([path, ...aliases]: string[]): { path: string; aliases: string[] } {
  return { path: path!, aliases };
}

const track: Operation = {
  ...COMMON,
  ...family(CALL_PATHS.track),
  operationId: "message",
  summary: "Record one track message",
  body: { "application/json": schemaRef("Message") },
  answers: {
    200: { description: "The event is stored safely.", content: { "application/json": schemaRef("Verdict") } },
  },
  examples: {
    message: {
      summary: "A message",
      request: { body: MESSAGE },
      status: 200,
      answer: {
        success: true,
        status: "created",
        event: "clicked",
        user_id: "user123",
        timestamp: "2026-01-02T03:04:05.678Z",
        seq: 1,
        revision: 1,
      },
    },
    refused: problemExample(
      "A message without a name",
      { reason: "invalid_request", faults: NAME_MISSING },
      { body: NAMELESS },
    ),
    expired: expiredExample(Date.UTC(2026, 0, 2, 3, 4, 5, 678), { body: MESSAGE }),
  },
  problems: [...OF_BODIES, ...OF_WRITES, "not_json", "user_rate_limited", "unavailable"],
};

const batch: Operation = {
  ...COMMON,
  ...family(BATCH_PATHS),
  operationId: "messages",
  summary: "Record a batch of messages",
  description: "Every call becomes an event of its user. A bad message does not affect the others.",
  body: { "application/json": schemaRef("MessageBatch") },
  answers: {
    200: {
      description: "At least one message is stored safely. Others may have been refused; each has its result.",
      content: { "application/json": schemaRef("BatchVerdict") },
    },
  },
  examples: {
    batch: {
      summary: "A batch",
      request: { body: { batch: [MESSAGE, IDENTIFY] } },
      status: 200,
      answer: {
        success: true,
        created: 2,
        duplicates: 0,
        updated: 0,
        rejected: 0,
        results: [CREATED, { ...CREATED, index: 1, seq: 2 }],
      },
    },
    some_refused: {
      summary: "A batch with a bad message",
      request: { body: { batch: [MESSAGE, NAMELESS] } },
      status: 200,
      answer: {
        success: false,
        created: 1,
        duplicates: 0,
        updated: 0,
        rejected: 1,
        results: [CREATED, { index: 1, status: "rejected", errors: NAME_MISSING }],
      },
    },
    all_refused: problemExample(
      "A batch without a good message",
      { reason: "invalid_request", faults: [{ ...NAME_MISSING[0]!, pointer: "/batch/0/event" }] },
      { body: { batch: [NAMELESS] } },
      {
        created: 0,
        duplicates: 0,
        updated: 0,
        rejected: 1,
        results: [{ index: 0, status: "rejected", errors: NAME_MISSING }],
      },
    ),
    no_batch: problemExample(
      "A body without a batch",
      {
        reason: "invalid_request",
        faults: [{ pointer: "/batch", detail: 'must be an array of messages: send {"batch": […]}' }],
      },
      { body: MESSAGE },
    ),
    user_rate_limited: userRateLimited(),
  },
  problems: [...OF_BODIES, ...OF_WRITES, "not_json", "unavailable"],
};

/** What each of the other calls holds, and what it becomes. */
const OTHER_CALLS: Record<Exclude<SegmentCall, "track">, { description: string; sample: JsonSchema }> = {
  identify: {
    description: "Its `traits` are the event's properties; its `email` and names enter the user's profile.",
    sample: { traits: { plan: "pro" } },
  },
  page: {
    description: "`name` and `category` become properties of the event.",
    sample: { name: "Pricing", properties: { path: "/pricing" } },
  },
  screen: {
    description: "`name` and `category` become properties of the event.",
    sample: { name: "Settings", properties: { tab: "account" } },
  },
  group: {
    description: "Its `traits` are the event's properties, together with its `groupId` as `group_id`.",
    sample: { groupId: "acme", traits: { seats: 3 } },
  },
  alias: {
    description: "Its `previousId` is the event's property `previous_id`. Timelines are not joined.",
    sample: { previousId: "visitor-1" },
  },
};

const others = Object.entries(OTHER_CALLS).map(([call, { description, sample }]): Operation => ({
  ...COMMON,
  ...family(CALL_PATHS[call as SegmentCall]),
  operationId: `${call}Message`,
  summary: `Record one ${call} message as the event \`${call}\``,
  description,
  body: { "application/json": schemaRef("Message") },
  answers: {
    200: { description: "The event is stored safely.", content: { "application/json": schemaRef("Verdict") } },
  },
  examples: {
    message: {
      summary: "A message",
      request: { body: { userId: "user123", ...sample, timestamp: MESSAGE.timestamp, messageId: "m-1" } },
      status: 200,
      answer: {
        success: true,
        status: "created",
        event: call,
        user_id: "user123",
        timestamp: MESSAGE.timestamp,
        seq: 1,
        revision: 1,
      },
    },
  },
  problems: [...OF_BODIES, ...OF_WRITES, "not_json", "user_rate_limited", "unavailable"],
}));

const metrics: Operation = {
  ...COMMON,
  path: "/v1/m",
  operationId: "sdkMetrics",
  summary: "Accept a browser SDK's own metrics, and store nothing",
  key: null,
  answers: { 200: { description: "Accepted, not stored.", content: { "application/json": schemaRef("Ignored") } } },
  examples: { ignored: { summary: "Metrics", request: { body: { series: [] } }, status: 200, answer: IGNORED } },
  problems: ["origin_not_allowed"],
};

export const segmentOperations = [track, batch, ...others, metrics];

function userRateLimited() {
  const detail = "is rejected with this user's other events in the request: at most 100 events a second, 1000 at once";
  return problemExample(
    "Too many events for one user",
    { reason: "user_rate_limited", limit: { perSecond: 100, burst: 1000 }, retryAfterMs: 10 },
    { body: { batch: [MESSAGE, IDENTIFY] } },
    {
      created: 0,
      duplicates: 0,
      updated: 0,
      rejected: 2,
      results: [0, 1].map((index) => ({ index, status: "rejected", errors: [{ pointer: "", detail }] })),
    },
  );
}
