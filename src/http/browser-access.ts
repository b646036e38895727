import { cors } from "hono/cors";
import { PREFLIGHT_MAX_AGE_S } from "../limits.ts";
import type { AppEnv } from "./app-env.ts";
import type { Context } from "hono";

/**
 * CORS for the endpoints that write. From any page by default, since a write key is public in a page anyway; never
 * with credentials, so that no cookie of a visitor is of use to anyone. Reads have none: their keys are secret.
 */
export const browserAccess = cors({
  origin: (origin, c: Context<AppEnv>) => {
    const allowed = c.env.ALLOWED_ORIGINS.split(",").map((item) => item.trim());
    return allowed.includes(origin) ? origin : allowed.every((item) => item === "") ? "*" : null;
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
