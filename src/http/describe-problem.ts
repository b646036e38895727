import type { Fault } from "../event/fault.ts";
import {
  CLOSED_RETRY_AFTER_S,
  HEALTH_MEMORY_MS,
  KEY_RATE_LIMIT_PERIOD_S,
  KEY_RATE_LIMIT_REQUESTS,
  UNAVAILABLE_RETRY_AFTER_S,
} from "../limits.ts";
import type { RateLimit } from "../user/token-bucket.ts";
import { type KeyKind, SECRETS } from "./keys.ts";

/**
 * Everything that a request can be refused for. {@link describeProblem} decides what each looks like on the wire, and the
 * reason itself is the problem's `code`: clients compare it, so it stays.
 */
export type Problem =
  | { reason: "malformed_body"; detail: string }
  | { reason: "invalid_request"; faults: Fault[] }
  /** Events that happened before what `RETENTION_DAYS` keeps. Sent again they are refused again. */
  | { reason: "expired"; faults: Fault[] }
  | { reason: "not_found"; detail: string }
  | { reason: "method_not_allowed"; allow: string[] }
  | { reason: "body_too_large"; limit: number; actual: number; unit: "bytes" | "events" }
  | { reason: "unsupported_encoding"; supported: string[] }
  | { reason: "unauthorized"; kind: KeyKind; fault: KeyFault }
  /** ALLOWED_ORIGINS does not name the page that sent this. */
  | { reason: "origin_not_allowed" }
  /** No key is configured, or the secret cannot be read. */
  | { reason: "closed"; secret: string }
  | { reason: "key_rate_limited" }
  | { reason: "user_rate_limited"; limit: RateLimit; retryAfterMs: number }
  /** A write failed; some events may have been stored. */
  | { reason: "unavailable" }
  /** A read, an erasure or a suppression failed. */
  | { reason: "unreachable" }
  /** The feed cannot go on from a cursor. */
  | { reason: "cursor_gone" }
  /** D1 does not take or give events, or has not taken all for too long. */
  | { reason: "unhealthy" }
  /** A key secret is missing or malformed, or the jurisdiction cannot be read, so that routes are closed. */
  | { reason: "not_ready" }
  | { reason: "internal" };

/**
 * What is wrong with the key of a request: there is none, the Authorization header has no form that is taken, it is the
 * secret's whole entry `name:key`, it is nobody's, it is nobody's while Basic has a password, or it is of the other kind.
 * Or a ticket that stands for a key is used up, or is none.
 */
export type KeyFault = "missing" | "unreadable" | "whole_entry" | "unknown" | "password" | "wrong_kind" | "ticket";

interface Description {
  status: 400 | 401 | 403 | 404 | 405 | 410 | 413 | 415 | 429 | 500 | 503;
  title: string;
  detail: string;
  errors?: Fault[];
  members?: Record<string, unknown>;
  headers?: Record<string, string>;
}

/** What a refusal looks like on the wire. */
export function describeProblem(refused: Problem): Description {
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
    case "expired":
      // 400, and not 410 or 422: Segment's SDKs take no other status for one that is not to be tried again.
      return {
        status: 400,
        title: "Older than events are kept",
        detail: summaryOf(refused.faults),
        errors: refused.faults,
      };
    case "not_found":
      return { status: 404, title: "Not found", detail: refused.detail };
    case "cursor_gone":
      return {
        status: 410,
        title: "The cursor has ended",
        detail:
          "A database was rebuilt or restored since, or what comes next has left D1. Begin anew without `after`; what is older than D1 is in the archive, see /archive/manifest.",
        members: { begin: "/events", archive: "/archive/manifest" },
      };
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
      const detail = `has ${actual} ${unit}, at most ${limit}: split it into several requests`;
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
    case "unauthorized":
      return {
        status: 401,
        title: "No valid key",
        detail: keyCure(refused.kind, refused.fault),
        // Basic is taken but not offered: browsers would answer the offer with a dialogue of their own.
        headers: { "WWW-Authenticate": 'Bearer realm="tracklog"' },
      };
    case "origin_not_allowed":
      return {
        status: 403,
        title: "This page may not write here",
        detail:
          "The request's Origin is not in this deployment's ALLOWED_ORIGINS, and nothing was stored. Whoever runs the " +
          "deployment can add the page's origin there, as in https://shop.example.",
      };
    case "closed":
      return {
        status: 503,
        title: "Not configured yet",
        detail: `The secret ${refused.secret} is not set, or malformed. Set it to name:key,name:key.`,
        headers: { "Retry-After": String(CLOSED_RETRY_AFTER_S) },
      };
    case "key_rate_limited":
      return {
        status: 429,
        title: "Too many requests",
        detail: `This key may send ${KEY_RATE_LIMIT_REQUESTS} requests in ${KEY_RATE_LIMIT_PERIOD_S} seconds. Nothing was stored; send it again later.`,
        headers: rateLimitHeaders("key", KEY_RATE_LIMIT_REQUESTS, KEY_RATE_LIMIT_PERIOD_S, KEY_RATE_LIMIT_PERIOD_S),
      };
    case "user_rate_limited": {
      const { burst, perSecond } = refused.limit;
      return {
        status: 429,
        title: "Too many events",
        detail: `A user may send ${perSecond} events a second, and ${burst} at once. Send the whole request again later: what was stored is not stored twice.`,
        headers: rateLimitHeaders(
          "user",
          Math.ceil(burst),
          Math.ceil(burst / perSecond),
          Math.max(1, Math.ceil(refused.retryAfterMs / 1000)),
        ),
      };
    }
    case "unavailable":
      return {
        status: 503,
        title: "Temporarily unavailable",
        detail: "Not everything could be stored. Send the whole request again: what was stored is not stored twice.",
        headers: { "Retry-After": String(UNAVAILABLE_RETRY_AFTER_S) },
      };
    case "unreachable":
      return {
        status: 503,
        title: "Temporarily unavailable",
        detail: "What is stored cannot be reached right now. Send the request again.",
        headers: { "Retry-After": String(UNAVAILABLE_RETRY_AFTER_S) },
      };
    case "unhealthy":
      return {
        status: 503,
        title: "D1 is away, or behind",
        detail: "Events are still taken, and kept until D1 has them. The feed and SQL lack them meanwhile, or fail.",
        headers: { "Retry-After": String(HEALTH_MEMORY_MS / 1000) },
      };
    case "not_ready":
      return {
        status: 503,
        title: "Not configured yet",
        detail:
          "A secret with keys is not set or malformed, or JURISDICTION cannot be read, and what needs it is refused. The " +
          "log says which it is, and so does this answer to a read key.",
        headers: { "Retry-After": String(CLOSED_RETRY_AFTER_S) },
      };
    case "internal":
      return {
        status: 500,
        title: "Internal error",
        detail: "Something went wrong here. The request may be sent again.",
      };
  }
}

/** What to do about a key that was not taken. Never repeats what was sent. */
function keyCure(kind: KeyKind, fault: KeyFault): string {
  const secret = SECRETS[kind];
  const ways = `as "Authorization: Bearer <key>", as the user name of Basic, or as x-api-key${kind === "write" ? ", or, for beacons, as ?writeKey=" : ""}`;
  switch (fault) {
    case "missing":
      return `This needs a ${kind} key, and none was sent. Send it ${ways}.`;
    case "unreadable":
      return `This needs a ${kind} key, and the Authorization header holds none in a form that is taken here. Send it ${ways}.`;
    case "whole_entry":
      return `What was sent holds a colon, and no key does. The secret ${secret} lists "name:key": send only what is after the colon.`;
    case "password":
      return `This needs a ${kind} key, and the user name of Basic is none. The key is the user name, without the name that it has in ${secret}, and the password stays empty.`;
    case "unknown":
      return `The key that was sent is not in ${secret}. Compare the two: of an entry "name:key", send only what is after the colon.`;
    case "ticket":
      return "The ticket is used up, too old, or none. Ask for another one with POST /live/ticket and a read key.";
    case "wrong_kind":
      return kind === "write"
        ? `This is a read key, which cannot write. Send one of ${secret}, and keep read keys out of pages and apps.`
        : `This is a write key, which can neither read nor erase. Send one of ${secret}.`;
  }
}

/** draft-ietf-httpapi-ratelimit-headers: the quota of a window, and what remains of it for how long. Whole numbers. */
function rateLimitHeaders(policy: string, quota: number, windowS: number, waitS: number): Record<string, string> {
  return {
    "Retry-After": String(waitS),
    "RateLimit-Policy": `"${policy}";q=${quota};w=${windowS}`,
    RateLimit: `"${policy}";r=0;t=${waitS}`,
  };
}

function summaryOf([first, ...others]: Fault[]): string {
  if (!first) return "The request is invalid.";
  const rest = others.length > 0 ? `, and ${others.length} more` : "";
  return `${first.pointer === "" ? "The body" : first.pointer} ${first.detail}${rest}.`;
}
