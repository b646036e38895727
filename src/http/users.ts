import { Hono } from "hono";
import { logFailure } from "../log-failure.ts";
import { MAX_PAGE_EVENTS } from "../limits.ts";
import { callUserLog } from "../user/call-user-log.ts";
import type { AppEnv } from "./app-env.ts";
import { presentEvent } from "./present-event.ts";
import { problem } from "./problem.ts";

export const users = new Hono<AppEnv>().get("/users/:user_id/events", async (c) => {
  const userId = c.req.param("user_id");
  const read = await callUserLog(c.env, userId, (log) => log.timeline({ order: "asc", limit: MAX_PAGE_EVENTS }));
  if (!read.ok) {
    logFailure("user_log_unreachable", read.error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unavailable" });
  }
  if (!read.value) return problem(c, { reason: "not_found", detail: "Nothing was ever stored of this user." });
  return c.json({ user_id: userId, events: read.value.events.map(presentEvent) });
});
