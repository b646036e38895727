import { createMiddleware } from "hono/factory";
import { countAnswers } from "../stats/tally.ts";
import type { AppEnv } from "./app-env.ts";

/** Counts the responses by their status, but not by path, because a path may contain a user's id. */
export const countStatus = createMiddleware<AppEnv>(async (c, next) => {
  await next();
  const answers = { kind: "status", name: String(c.res.status), source: c.get("source") ?? null, count: 1 } as const;
  countAnswers(c.env, answers, Date.now());
});
