import { DEFAULT_RATE_LIMIT_BURST_EVENTS, DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND, MAX_REQUEST_BYTES } from "../limits.ts";
import type { Problem } from "../http/describe-problem.ts";
import { renderProblem } from "../http/problem.ts";
import type { Example, ExampleRequest } from "./example.ts";

/** The request id of the examples. */
const REQUEST_ID = "3f0c5e9a-6f0b-4d4e-9d0a-2b1c8e7f6a5d";

/** The example of a problem, with the answer that the API gives. */
export function problemExample(summary: string, refused: Problem, request?: ExampleRequest, more = {}): Example {
  const { status, body } = renderProblem(refused, REQUEST_ID, more);
  return { summary, status, answer: body, ...(request && { request }) };
}

/** An event that is older than 30 days at noon of 1 June 2026. */
export function expiredExample(actual: number, request: ExampleRequest): Example {
  const detail =
    "is before 2026-05-02T12:00:00.000Z: this deployment does not store older events (RETENTION_DAYS), so do not send it again";
  const fault = { pointer: "/timestamp", detail, limit: Date.UTC(2026, 4, 2, 12), actual };
  return problemExample("An event that is older than RETENTION_DAYS", { reason: "expired", faults: [fault] }, request);
}

export type SharedProblem = keyof typeof SHARED_PROBLEMS;

/** Problems that many operations can answer with, regardless of the request. */
export const SHARED_PROBLEMS = {
  no_write_key: problemExample("A request without a write key", {
    reason: "unauthorized",
    kind: "write",
    fault: "missing",
  }),
  unknown_write_key: problemExample("An unknown key", {
    reason: "unauthorized",
    kind: "write",
    fault: "unknown",
  }),
  no_read_key: problemExample("A request without a read key", {
    reason: "unauthorized",
    kind: "read",
    fault: "missing",
  }),
  not_json: problemExample(
    "A message that is not JSON",
    {
      reason: "malformed_body",
      detail:
        "is not valid JSON: see line 1, character 18 (there is a comma too many before it, or a value is missing)",
    },
    { repeat: { text: '{"type": "track",}', times: 1 } },
  ),
  too_many_bytes: problemExample(
    "A body of more than 1 MiB after decompression",
    { reason: "body_too_large", limit: MAX_REQUEST_BYTES, actual: MAX_REQUEST_BYTES + 1, unit: "bytes" },
    { repeat: { text: " ", times: MAX_REQUEST_BYTES + 1 } },
  ),
  unsupported_encoding: problemExample(
    "A body in an unsupported encoding",
    { reason: "unsupported_encoding", supported: ["gzip", "deflate", "identity"] },
    { headers: { "Content-Encoding": "br" } },
  ),
  origin_not_allowed: problemExample(
    "A page that ALLOWED_ORIGINS does not name",
    { reason: "origin_not_allowed" },
    { headers: { Origin: "https://elsewhere.example" } },
  ),
  key_rate_limited: problemExample("Too many requests with one key", { reason: "key_rate_limited" }),
  user_rate_limited: problemExample("Too many events for one user", {
    reason: "user_rate_limited",
    limit: { perSecond: DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND, burst: DEFAULT_RATE_LIMIT_BURST_EVENTS },
    retryAfterMs: 10,
  }),
  internal: problemExample("A bug in Tracklog", { reason: "internal" }),
  unavailable: problemExample("A user's log cannot be reached", { reason: "unavailable" }),
  unreachable: problemExample("A user's log, or D1, cannot be reached", { reason: "unreachable" }),
  no_write_keys_set: problemExample("No write key is configured", { reason: "closed", secret: "WRITE_KEYS" }),
  no_read_keys_set: problemExample("No read key is configured", { reason: "closed", secret: "READ_KEYS" }),
} satisfies Record<string, Example>;

/** Problems of every operation that writes, reads, or has a body. */
export const OF_WRITES = [
  "no_write_key",
  "origin_not_allowed",
  "key_rate_limited",
  "internal",
  "no_write_keys_set",
] as const;
export const OF_READS = ["no_read_key", "key_rate_limited", "internal", "unreachable", "no_read_keys_set"] as const;
export const OF_BODIES = ["too_many_bytes", "unsupported_encoding"] as const;
