import type { Context } from "hono";
import { createMiddleware } from "hono/factory";
import type { AppEnv } from "./app-env.ts";
import { checkKey, type KeyKind, SECRETS } from "./keys.ts";
import type { KeyFault } from "./describe-problem.ts";
import { problem } from "./problem.ts";
import { isWithinKeyLimit } from "./key-rate-limit.ts";

/** Lets a request pass if it has a key of this kind, and keeps the key's name as the source of its events. */
export function requireKey(kind: KeyKind) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const presented = keyInHeaders(c) ?? (kind === "write" ? keyInQuery(c) : undefined);
    return (await admit(c, kind, presented)) ?? next();
  });
}

/**
 * Checks a key and the coarse limit on its requests. Sets the source of the request's events.
 *
 * @returns the refusal, or null if the request may pass
 */
export async function admit(
  c: Context<AppEnv>,
  kind: KeyKind,
  presented: string | undefined,
): Promise<Response | null> {
  const check = await checkKey(c.env, kind, presented);
  if (!check.ok)
    return problem(
      c,
      check.reason === "closed"
        ? { reason: "closed", secret: SECRETS[kind] }
        : { reason: "unauthorized", kind, fault: faultIn(c, check.fault) },
    );
  if (!(await isWithinKeyLimit(c.env, kind, check.source, c.get("requestId"))))
    return problem(c, { reason: "key_rate_limited" });
  c.set("source", check.source);
  return null;
}

/** The key of Bearer, else the user name of Basic with any password, else x-api-key. */
export function keyInHeaders(c: Context): string | undefined {
  const [, scheme, credentials] = /^(bearer|basic) +(\S+)$/i.exec(c.req.header("authorization") ?? "") ?? [];
  if (scheme && credentials) return scheme.toLowerCase() === "bearer" ? credentials : userNameOf(credentials);
  return c.req.header("x-api-key") || undefined;
}

/** The key in the query, for beacons, which cannot send headers. */
export function keyInQuery(c: Context): string | undefined {
  return c.req.query("writeKey") || undefined;
}

/** Refines a fault by the form of the header, which reveals nothing about any key. */
function faultIn(c: Context, fault: KeyFault): KeyFault {
  const header = c.req.header("authorization")?.trim();
  if (!header) return fault;
  if (fault === "missing") return "unreadable";
  const [, credentials] = /^basic +(\S+)$/i.exec(header) ?? [];
  return fault === "unknown" && credentials && hasPassword(credentials) ? "password" : fault;
}

function hasPassword(credentials: string): boolean {
  try {
    return /:./.test(atob(credentials));
  } catch {
    return false;
  }
}

function userNameOf(credentials: string): string | undefined {
  try {
    return atob(credentials).split(":", 1)[0] || undefined;
  } catch {
    return undefined;
  }
}
