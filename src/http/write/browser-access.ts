import type { Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { MAX_PREFLIGHT_HEADERS_CHARACTERS, PREFLIGHT_MAX_AGE_S } from "../../limits.ts";
import { settingsOf } from "../../settings.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";

const EXPOSED = "Retry-After, RateLimit, RateLimit-Policy, X-Request-Id";

/** Header field names separated by commas, as browsers send them. */
const FIELD_NAMES = /^[\w!#$%&'*+.^`|~, -]+$/;

/**
 * CORS for the routes that write. By default pages of every origin may write, since a page's write key is public
 * anyway. With ALLOWED_ORIGINS only those origins may. A request from another page is refused itself, because a browser
 * sends a simple request without a preflight. `null`, the origin of sandboxed pages and files, is treated like any
 * other.
 *
 * The answer names the origin and allows credentials, which `sendBeacon` with JSON and `fetch` with credentials need.
 * No cookie is read, so a visitor's credentials open nothing.
 */
export const browserAccess = createMiddleware<AppEnv>(async (c, next) => {
  const origin = c.req.header("origin");
  const isAllowed = origin !== undefined && isAllowedOrigin(c, origin);
  if (c.req.method === "OPTIONS") return isAllowed ? grantPreflight(c, origin) : vary(c.body(null, 204));
  if (origin !== undefined && !isAllowed) return vary(problem(c, { reason: "origin_not_allowed" }));
  await next();
  // Setting headers before the handler makes Hono copy its answer, which took a third of the app's time.
  if (isAllowed) grant(c.res, origin);
  else vary(c.res);
});

/**
 * CORS for refusals at every other path. Without it a page that uses a wrong path or method sees an opaque failure. No
 * page may read an answer that needed a key, nor a refusal after the key was accepted, because whether a user exists is
 * data.
 *
 * @param app the whole application, whose routes show what is wrong
 */
export function refusalAccess(app: Hono<AppEnv>) {
  const isRouted = (method: string, path: string) =>
    // Hono answers HEAD with the routes of GET.
    app.router.match(method === "HEAD" ? "GET" : method, path)[0].some(([[, route]]) => route.method !== "ALL");
  return createMiddleware<AppEnv>(async (c, next) => {
    const origin = c.req.header("origin");
    if (origin === undefined || !isAllowedOrigin(c, origin)) return next();
    const asked = c.req.method === "OPTIONS" ? c.req.header("access-control-request-method") : undefined;
    if (asked !== undefined && !isRouted(asked, c.req.path)) return grantPreflight(c, origin);
    await next();
    const isRefusal = c.res.status >= 400 && c.req.method !== "OPTIONS";
    const isBeforeData = c.get("source") === undefined || !isRouted(c.req.method, c.req.path);
    if (isRefusal && isBeforeData) grant(c.res, origin);
  });
}

/** The deployment's own pages, such as /docs, are always allowed. */
function isAllowedOrigin(c: Context<AppEnv>, origin: string): boolean {
  const { allowedOrigins } = settingsOf(c.env);
  return allowedOrigins === null || allowedOrigins.has(origin.toLowerCase()) || origin === new URL(c.req.url).origin;
}

/**
 * Allows the headers that are asked for. Pages add tracing headers of their own, and a header that is not allowed loses
 * events.
 */
function grantPreflight(c: Context, origin: string): Response {
  const answer = grant(new Response(null, { status: 204 }), origin);
  const method = c.req.header("access-control-request-method") ?? "";
  const headers = c.req.header("access-control-request-headers") ?? "";
  answer.headers.set("Access-Control-Allow-Methods", /^[A-Z]{1,20}$/.test(method) ? method : "GET, POST");
  if (headers.length <= MAX_PREFLIGHT_HEADERS_CHARACTERS && FIELD_NAMES.test(headers))
    answer.headers.set("Access-Control-Allow-Headers", headers);
  answer.headers.set("Access-Control-Max-Age", String(PREFLIGHT_MAX_AGE_S));
  answer.headers.append("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers");
  return answer;
}

function grant(answer: Response, origin: string): Response {
  answer.headers.set("Access-Control-Allow-Origin", origin);
  answer.headers.set("Access-Control-Allow-Credentials", "true");
  answer.headers.set("Access-Control-Expose-Headers", EXPOSED);
  return vary(answer);
}

/** Without Vary a cache would give one origin's answer to another. */
function vary(answer: Response): Response {
  if (!answer.headers.get("Vary")?.includes("Origin")) answer.headers.append("Vary", "Origin");
  return answer;
}
