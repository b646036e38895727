import { Hono } from "hono";
import * as v from "valibot";
import { databaseNames } from "../../d1/databases.ts";
import { formatTimestamp } from "../../event/timestamp.ts";
import { REBUILD_SLICE_MS } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import { rebuildDatabase } from "../../user/rebuild-database.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { parseQuery } from "./query.ts";

export const rebuildQuery = v.strictObject({
  database: v.optional(v.string(), "DB"),
  restart: v.optional(v.picklist(["true", "false"], "must be true or false"), "false"),
});

/**
 * Rebuilds a database from the logs. Each request does a slice of a few seconds and is repeated until the rebuild is
 * done.
 */
export const rebuild = new Hono<AppEnv>().post("/rebuild", requireKey("read"), async (c) => {
  const parsed = parseQuery(c, rebuildQuery);
  if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
  const { database, restart } = parsed.query;
  const names = databaseNames(c.env);
  if (!names.includes(database)) {
    const detail = `is not a bound database: ${names.join(", ")}`;
    return problem(c, { reason: "invalid_request", faults: [{ pointer: "/database", detail }] });
  }
  const clock = Date.now;
  const options = { restart: restart === "true", clock, until: clock() + REBUILD_SLICE_MS };
  // The platform may end the writer that is asked how far the rebuild is.
  const answer = await rebuildDatabase(c.env, database, options).catch((error: unknown) => {
    logFailure("rebuild_broke_off", error, { database, request_id: c.get("requestId") });
    return null;
  });
  if (!answer) return problem(c, { reason: "unreachable" });
  const { rebuild: state, totalUsers, error } = answer;
  const progress = {
    database,
    stage: state.stage,
    started_at: formatTimestamp(state.startedAt),
    erasures: state.erasures,
    users: state.users,
    total_users: totalUsers,
    events: state.events,
  };
  if (error === undefined) return c.json(progress);
  logFailure("rebuild_broke_off", error, { database, request_id: c.get("requestId") });
  return problem(c, { reason: "unreachable" }, progress);
});
