import { createMiddleware } from "hono/factory";

/** Nothing that is answered here may be served again from a cache: verdicts and people's events. */
export const noStore = createMiddleware(async (c, next) => {
  await next();
  c.res.headers.set("Cache-Control", "no-store");
});
