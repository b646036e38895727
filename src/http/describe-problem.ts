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
 * Every reason to refuse a request. {@link describeProblem} decides what each looks like on the wire. The reason is the
 * problem's `code`, which clients compare, so it must not change.
 */
export type Problem =
  | { reason: "malformed_body"; detail: string }
  | { reason: "invalid_request"; faults: Fault[] }
  /** Events that are older than `RETENTION_DAYS`. Sent again, they are refused again. */
  | { reason: "expired"; faults: Fault[] }
  | { reason: "not_found"; detail: string }
  | { reason: "method_not_allowed"; allow: string[] }
  | { reason: "body_too_large"; limit: number; actual: number; unit: "bytes" | "events" }
  | { reason: "unsupported_encoding"; supported: string[] }
  | { reason: "unauthorized"; kind: KeyKind; fault: KeyFault }
  /** ALLOWED_ORIGINS does not name the page's origin. */
  | { reason: "origin_not_allowed" }
  /** No key is configured, or the secret cannot be read. */
  | { reason: "closed"; secret: string }
  | { reason: "key_rate_limited" }
  | { reason: "user_rate_limited"; limit: RateLimit; retryAfterMs: number }
  /** A write failed; some events may have been stored. */
  | { reason: "unavailable" }
  /** A read, an erasure or a suppression failed. */
  | { reason: "unreachable" }
  /** The feed cannot continue from a cursor. */
  | { reason: "cursor_gone" }
  /** D1 cannot be written or read, or events have waited for it too long. */
  | { reason: "unhealthy" }
  /** A key secret is missing or malformed, or the jurisdiction cannot be read, so routes are closed. */
  | { reason: "not_ready" }
  | { reason: "internal" };

/**
 * What is wrong with a request's key:
 * - missing: there is none.
 * - unreadable: the Authorization header has no known form.
 * - whole_entry: it is the secret's whole entry `name:key`.
 * - unknown: it is not in the secret.
 * - password: it is not in the secret, and Basic came with a password.
 * - wrong_kind: it is a key of the other kind.
 * - ticket: a ticket that stands for a key is used, expired or unknown.
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
      // 400 and not 410 or 422, because after those Segment's SDKs would try again.
      return {
        status: 400,
        title: "Event too old",
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
          "A database was rebuilt or restored after this cursor, or the next events have left D1. Begin anew without `after`. Events that have left D1 are in the archive: see /archive/manifest.",
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
        detail: `The content encoding must be one of: ${supported}.`,
        headers: { "Accept-Encoding": supported },
      };
    }
    case "unauthorized":
      return {
        status: 401,
        title: "No valid key",
        detail: keyCure(refused.kind, refused.fault),
        // Basic is accepted but not offered, because browsers would answer the offer with a dialogue of their own.
        headers: { "WWW-Authenticate": 'Bearer realm="tracklog"' },
      };
    case "origin_not_allowed":
      return {
        status: 403,
        title: "This page may not write here",
        detail:
          "The request's Origin is not in this deployment's ALLOWED_ORIGINS, so nothing was stored. The operator of the " +
          "deployment can add the page's origin there, as in https://shop.example.",
      };
    case "closed":
      return {
        status: 503,
        title: "Not configured yet",
        detail: `The secret ${refused.secret} is not set or is malformed. Set it to name:key,name:key.`,
        headers: { "Retry-After": String(CLOSED_RETRY_AFTER_S) },
      };
    case "key_rate_limited":
      return {
        status: 429,
        title: "Too many requests",
        detail: `This key may send ${KEY_RATE_LIMIT_REQUESTS} requests in ${KEY_RATE_LIMIT_PERIOD_S} seconds. Nothing was stored; send the request again later.`,
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
        detail: "The stored data cannot be reached right now. Send the request again.",
        headers: { "Retry-After": String(UNAVAILABLE_RETRY_AFTER_S) },
      };
    case "unhealthy":
      return {
        status: 503,
        title: "D1 is unavailable or behind",
        detail: "Events are still accepted, and kept until D1 has them. Until then the feed and SQL lack them or fail.",
        headers: { "Retry-After": String(HEALTH_MEMORY_MS / 1000) },
      };
    case "not_ready":
      return {
        status: 503,
        title: "Not configured yet",
        detail:
          "A secret with keys is not set or is malformed, or JURISDICTION cannot be read. Requests that need it are refused. " +
          "The log says which one it is, and so does this answer if you send a read key.",
        headers: { "Retry-After": String(CLOSED_RETRY_AFTER_S) },
      };
    case "internal":
      return {
        status: 500,
        title: "Internal error",
        detail: "Something went wrong on the server. You can send the request again.",
      };
  }
}

/** How to cure a key that was not accepted. Never repeats what was sent. */
function keyCure(kind: KeyKind, fault: KeyFault): string {
  const secret = SECRETS[kind];
  const ways = `as "Authorization: Bearer <key>", as the user name of Basic, or as x-api-key${kind === "write" ? ", or, for beacons, as ?writeKey=" : ""}`;
  switch (fault) {
    case "missing":
      return `This request needs a ${kind} key, and none was sent. Send it ${ways}.`;
    case "unreadable":
      return `This request needs a ${kind} key, but the Authorization header holds none in a known form. Send it ${ways}.`;
    case "whole_entry":
      return `The key that was sent holds a colon, which no key does. The secret ${secret} lists "name:key": send only the part after the colon.`;
    case "password":
      return `This request needs a ${kind} key, but the user name of Basic is not one. Send the key as the user name, without its name in ${secret}, and leave the password empty.`;
    case "unknown":
      return `The key that was sent is not in ${secret}. Compare the two. If the entry is "name:key", send only the part after the colon.`;
    case "ticket":
      return "The ticket is used, expired or unknown. Get another one with POST /live/ticket and a read key.";
    case "wrong_kind":
      return kind === "write"
        ? `This is a read key, which cannot write. Send a key from ${secret}, and keep read keys out of pages and apps.`
        : `This is a write key, which can neither read nor erase. Send a key from ${secret}.`;
  }
}

/** Quota, window, remainder and wait as whole numbers, by draft-ietf-httpapi-ratelimit-headers. */
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
