import type { Context } from "hono";
import type { Fault } from "../event/fault.ts";
import { UNAVAILABLE_RETRY_AFTER_S } from "../limits.ts";

/** Everything that a request can be refused for. What each looks like on the wire is decided in {@link describe}. */
export type Problem =
  | { reason: "malformed_body"; detail: string }
  | { reason: "invalid_request"; faults: Fault[] }
  | { reason: "not_found"; detail: string }
  | { reason: "method_not_allowed"; allow: string[] }
  | { reason: "body_too_large"; limit: number; actual: number; unit: "bytes" | "events" }
  | { reason: "unsupported_encoding"; supported: string[] }
  | { reason: "unavailable" }
  | { reason: "internal" };

interface Description {
  status: 400 | 404 | 405 | 413 | 415 | 500 | 503;
  title: string;
  detail: string;
  errors?: Fault[];
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
}

/**
 * Answers with an RFC 9457 problem. `more` adds members of the route's own, such as the results of a batch.
 */
export function problem(c: Context, refused: Problem, more: Record<string, unknown> = {}): Response {
  const { status, title, detail, errors = [], members = {}, headers = {} } = describe(refused);
  const type = `urn:tracklog:problem:${refused.reason.replaceAll("_", "-")}`;
  const requestId = c.get("requestId") as string | undefined;
  const body = { type, title, status, detail, request_id: requestId, success: false, errors, ...members, ...more };
  return c.body(JSON.stringify(body), status, { ...headers, "Content-Type": "application/problem+json" });
}

function describe(refused: Problem): Description {
  switch (refused.reason) {
    case "malformed_body":
      return {
        status: 400,
        title: "The body cannot be read",
        detail: `The body ${refused.detail}.`,
        errors: [{ pointer: "", detail: refused.detail }],
      };
    case "invalid_request":
      return {
        status: 400,
        title: "The request is invalid",
        detail: summaryOf(refused.faults),
        errors: refused.faults,
      };
    case "not_found":
      return { status: 404, title: "Not found", detail: refused.detail };
    case "method_not_allowed": {
      const allow = refused.allow.join(", ");
      return {
        status: 405,
        title: "Method not allowed",
        detail: `This path takes ${allow}.`,
        headers: { Allow: allow },
      };
    }
    case "body_too_large": {
      const { limit, actual, unit } = refused;
      const detail = `has ${actual} ${unit}, at most ${limit}`;
      return {
        status: 413,
        title: "The body is too large",
        detail: `The body ${detail}.`,
        errors: [{ pointer: "", detail, limit, actual }],
        members: { limit, actual },
      };
    }
    case "unsupported_encoding": {
      const supported = refused.supported.join(", ");
      return {
        status: 415,
        title: "Unsupported content encoding",
        detail: `The content encoding is none of: ${supported}.`,
        headers: { "Accept-Encoding": supported },
      };
    }
    case "unavailable":
      return {
        status: 503,
        title: "Temporarily unavailable",
        detail: "Not everything could be stored. Send the whole request again: what was stored is not stored twice.",
        headers: { "Retry-After": String(UNAVAILABLE_RETRY_AFTER_S) },
      };
    case "internal":
      return {
        status: 500,
        title: "Internal error",
        detail: "Something went wrong here. The request may be sent again.",
      };
  }
}

function summaryOf([first, ...others]: Fault[]): string {
  if (!first) return "The request is invalid.";
  const rest = others.length > 0 ? `, and ${others.length} more` : "";
  return `${first.pointer === "" ? "The body" : first.pointer} ${first.detail}${rest}.`;
}
