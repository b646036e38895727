import type { Context } from "hono";
import { cors } from "hono/cors";
import { createMiddleware } from "hono/factory";
import { PREFLIGHT_MAX_AGE_S } from "../../limits.ts";
import type { AppEnv } from "../app-env.ts";

const grantAccess = cors({
  origin: (origin, c: Context<AppEnv>) => {
    const allowed = allowedOrigins(c.env.ALLOWED_ORIGINS);
    if (allowed.length === 0 || allowed.includes("*")) return "*";
    return allowed.includes(origin) ? origin : null;
  },
  allowMethods: ["GET", "POST"],
  // What the browser SDKs send, on first tries and on retries. A header that is missing here fails every retry.
  allowHeaders: [
    "Authorization",
    "Content-Type",
    "Content-Encoding",
    "X-Api-Key",
    "X-Request-Id",
    "X-Retry-Count",
    "AnonymousId",
    "SentAt",
    "Rsa-Retry-Attempt",
    "Rsa-Retry-Reason",
    "Rsa-Since-First-Attempt",
    "Rsa-Since-Last-Attempt",
  ],
  exposeHeaders: ["Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"],
  maxAge: PREFLIGHT_MAX_AGE_S,
});

/**
 * CORS for the endpoints that write. From any page by default, since a write key is public in a page anyway; never
 * with credentials, so that no cookie of a visitor is of use to anyone. Reads have none: their keys are secret.
 *
 * Hono's middleware comes after the handler, except for a preflight: the headers that it sets beforehand make Hono
 * pour the answer into another response, which took a third of the app's time for a request.
 */
export const browserAccess = createMiddleware<AppEnv>(async (c, next) => {
  if (c.req.method === "OPTIONS") return grantAccess(c, next);
  await next();
  return grantAccess(c, async () => {});
});

/** A browser sends an origin in lower case and without a slash at its end: a list may be kinder. */
function allowedOrigins(setting: string | undefined): string[] {
  return (setting ?? "")
    .split(",")
    .map((item) => item.trim().toLowerCase().replace(/\/$/, ""))
    .filter((item) => item !== "");
}
