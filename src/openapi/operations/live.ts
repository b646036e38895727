import { liveFilter, VERDICTS } from "../../live/live-filter.ts";
import type { Operation } from "../operation.ts";
import { queryParameters } from "../query-parameters.ts";
import { OF_READS, problemExample } from "../shared-problems.ts";

const TAG = "What arrives";

const LINES = [
  {
    type: "verdict",
    id: "3f0c5e9a-6f0b-4d4e-9d0a-2b1c8e7f6a5d:0",
    verdict: "created",
    event: "event_name",
    user_id: "user123",
    key: null,
    path: "/track",
    colo: "FRA",
    received_at: "2026-01-02T03:04:05.678Z",
    log_ms: 12,
    timestamp: "2020-11-23T22:28:55.111Z",
    message_id: null,
    seq: 1,
    revision: 1,
    properties: { property1: "value1", property2: "value2" },
    context: {},
  },
  { type: "d1", id: "3f0c5e9a-6f0b-4d4e-9d0a-2b1c8e7f6a5d:0", d1_ms: 64 },
  { type: "left_out", events: 3 },
];

export const liveOperations: Operation[] = [
  {
    method: "get",
    path: "/live",
    operationId: "live",
    tag: TAG,
    summary: "Watch events as they arrive",
    description:
      "An endless stream of lines from all of Cloudflare's locations, for `curl -N`. Each line has a `type`. A `verdict` shows an " +
      "event and what became of it; for an update also what changed, for a rejected event its `errors` and what was sent. `d1` tells how " +
      "long it took until D1 had an event, and `left_out` how many events were not shown because there were too many to read. Empty " +
      "lines only keep the connection open.\n\n" +
      "A filter matches values that contain its text, in any case; in double quotes it matches only an equal value. A browser, which asks for " +
      "`text/html`, gets a page instead. The page opens a WebSocket at this path, with a `ticket` in its query.",
    key: "read",
    parameters: queryParameters(liveFilter, {
      verdict: `Some of ${VERDICTS.join(", ")}, separated by commas.`,
      event: "The event's name.",
      user_id: "The user.",
      key: "The name of the write key.",
      text: "A text anywhere in the event.",
    }),
    answers: {
      200: {
        description: "The lines.",
        content: { "application/x-ndjson": { type: "string", description: "One JSON object on each line." } },
      },
    },
    examples: {
      lines: {
        summary: "One of each type",
        status: 200,
        answer: LINES.map((line) => `${JSON.stringify(line)}\n`).join(""),
      },
      invalid: problemExample(
        "A filter with a fault",
        {
          reason: "invalid_request",
          faults: [{ pointer: "/verdict/0", detail: `must be a list of ${VERDICTS.join(", ")}` }],
        },
        { path: "/live?verdict=lost" },
      ),
    },
    problems: [...OF_READS],
  },
  {
    method: "post",
    path: "/live/ticket",
    operationId: "liveTicket",
    tag: TAG,
    summary: "Get a ticket for a WebSocket",
    description:
      "A page cannot send a key with a WebSocket, so it opens `/live?ticket=…` with a ticket, once and within half a minute. The filters are those " +
      "of `GET /live`. A message from the page is a new filter, as a JSON object; `ping` is answered with `pong`.",
    key: "read",
    answers: {
      200: {
        description: "The ticket.",
        content: {
          "application/json": {
            type: "object",
            required: ["ticket", "expires_at"],
            properties: { ticket: { type: "string" }, expires_at: { type: "string", format: "date-time" } },
          },
        },
      },
    },
    examples: {
      ticket: {
        summary: "A ticket",
        status: 200,
        answer: { ticket: "9b1f5c0e7a3d4286b0c1d2e3f4a5968778695a4b3c2d1e0f", expires_at: "2026-01-02T03:04:35.678Z" },
      },
    },
    problems: [...OF_READS],
  },
];
