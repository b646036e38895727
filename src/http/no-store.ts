import { createMiddleware } from "hono/factory";

/** Answers hold verdicts and people's events, so no cache may keep them. */
export const noStore = createMiddleware(async (c, next) => {
  await next();
  c.res.headers.set("Cache-Control", "no-store");
});
