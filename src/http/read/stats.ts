import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import * as v from "valibot";
import { DAY_MS, HOUR_MS } from "../../d1/hour.ts";
import type { Fault } from "../../event/fault.ts";
import { formatTimestamp } from "../../event/timestamp.ts";
import { MAX_HOURS_RANGE_DAYS, MAX_STATS_ROWS } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import { databaseStates } from "../../stats/database-state.ts";
import { readProperties } from "../../stats/read-properties.ts";
import { readStats } from "../../stats/read-stats.ts";
import {
  DIMENSIONS,
  longestRange,
  misfitOf,
  type StatsQuery,
  type StatsRow,
  widened,
} from "../../stats/stats-query.ts";
import type { AppEnv } from "../app-env.ts";
import { csvOf } from "../csv.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { nonEmptyText, parseQuery, pointInTime } from "./query.ts";

const dimensions = v.pipe(
  v.string(),
  v.transform((list) => list.split(",").filter((name) => name !== "")),
  v.array(v.picklist(DIMENSIONS, `must be some of ${DIMENSIONS.join(", ")}, separated by commas`)),
  v.transform((names) => new Set(names)),
);
const rowFormat = v.optional(v.picklist(["json", "csv"], "must be json or csv"));

export const statsQuery = v.strictObject({
  from: v.optional(pointInTime),
  to: v.optional(pointInTime),
  by: v.optional(dimensions, "hour"),
  event: v.optional(nonEmptyText),
  key: v.optional(v.string()),
  format: rowFormat,
});

export const propertiesQuery = v.strictObject({
  event: v.optional(nonEmptyText),
  from: v.optional(pointInTime),
  to: v.optional(pointInTime),
  format: rowFormat,
});

/** Numbers about the events of all users, for dashboards. */
export const stats = new Hono<AppEnv>()
  .use("/stats/*", requireKey("read"))

  .get("/stats", async (c) => {
    const parsed = parseQuery(c, statsQuery);
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const { by, event, key } = parsed.query;
    const misfit = misfitOf(by, event);
    if (misfit !== null) return invalid(c, { pointer: "/by", detail: misfit });
    const range = rangeOf(parsed.query, by.has("minute") ? HOUR_MS : DAY_MS, longestRange(by));
    if (!range.ok) return invalid(c, range.fault);
    const query: StatsQuery = { ...widened(range, by), by, event, key };
    return answer(c, async () => {
      const found = await readStats(c.env, query);
      if (!found) {
        const detail = `leads to more than ${MAX_STATS_ROWS} rows: ask for a shorter range or for fewer groups`;
        return invalid(c, { pointer: "/by", detail });
      }
      const columns = [...DIMENSIONS.filter((name) => by.has(name)), "events"];
      const rows = found.rows.map((row) => presented(row, query));
      if (rows.some((row) => "users" in row)) columns.push("users");
      if (wantsCsv(c, parsed.query.format)) return csv(c, columns, rows);
      return c.json({
        from: formatTimestamp(query.from),
        to: formatTimestamp(query.to),
        by: DIMENSIONS.filter((name) => by.has(name)),
        rows,
        complete: found.isWhole,
      });
    });
  })

  .get("/stats/properties", async (c) => {
    const parsed = parseQuery(c, propertiesQuery);
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const { event } = parsed.query;
    const range = rangeOf(parsed.query, DAY_MS, MAX_HOURS_RANGE_DAYS * DAY_MS);
    if (!range.ok) return invalid(c, range.fault);
    const { from, to } = range;
    return answer(c, async () => {
      const found = await readProperties(c.env, { event, from, to });
      if (wantsCsv(c, parsed.query.format)) {
        const rows = found.properties.flatMap(({ property, values }) => values.map((row) => ({ property, ...row })));
        return csv(c, ["property", "value", "events"], rows);
      }
      const { events, isWhole, properties } = found;
      return c.json({
        event: event ?? null,
        from: formatTimestamp(from),
        to: formatTimestamp(to),
        events,
        complete: isWhole,
        properties,
      });
    });
  })

  .get("/stats/databases", async (c) => {
    const parsed = parseQuery(c, v.strictObject({}));
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const { states, away } = await databaseStates(c.env);
    return c.json({
      databases: states.map(({ name, bytes, users, waiting, lag }) => ({
        name,
        bytes,
        users,
        waiting: {
          users: waiting.users,
          events: waiting.events,
          since: waiting.oldest === null ? null : formatTimestamp(waiting.oldest),
        },
        lag: {
          last_written_at: lag.newest === null ? null : formatTimestamp(lag.newest),
          median_ms: lag.median,
          longest_ms: lag.longest,
        },
      })),
      away,
    });
  });

type Range = { ok: true; from: number; to: number } | { ok: false; fault: Fault };

/** Without `to` the range ends now, and without `from` it has the usual length. */
function rangeOf(
  { from, to }: { from?: number | undefined; to?: number | undefined },
  usual: number,
  longest: number,
): Range {
  const end = to ?? Date.now();
  const start = from ?? Math.max(0, end - usual);
  if (start > end)
    return { ok: false, fault: { pointer: "/from", detail: to === undefined ? "is in the future" : "is after to" } };
  if (end - start <= longest) return { ok: true, from: start, to: end };
  const hours = Math.ceil((end - start) / HOUR_MS);
  const limit = longest / HOUR_MS;
  const detail = `begins ${hours} hours before to, at most ${limit} for this by: ask for a shorter range or a coarser unit`;
  return { ok: false, fault: { pointer: "/from", detail, limit, actual: hours } };
}

function presented({ time, event, key, verdict, events, users }: StatsRow, { by }: StatsQuery) {
  return {
    ...(time !== undefined && {
      [by.has("minute") ? "minute" : by.has("day") ? "day" : "hour"]: formatTimestamp(time),
    }),
    // The name is empty for events beyond the names that an hour tells apart.
    ...(event !== undefined && { event: event === "" ? null : event }),
    ...(key !== undefined && { key: key === "" ? null : key }),
    ...(verdict !== undefined && { verdict }),
    events,
    ...(users !== undefined && { users }),
  };
}

function invalid(c: Context<AppEnv>, fault: Fault): Response {
  return problem(c, { reason: "invalid_request", faults: [fault] });
}

async function answer(c: Context<AppEnv>, read: () => Promise<Response>): Promise<Response> {
  try {
    return await read();
  } catch (error) {
    logFailure("stats_unreadable", error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unreachable" });
  }
}

function wantsCsv(c: Context<AppEnv>, format: "json" | "csv" | undefined): boolean {
  const supports = ["application/json", "text/csv"];
  const accepted = accepts(c, { header: "Accept", supports, default: "application/json" });
  return (format ?? (accepted === "text/csv" ? "csv" : "json")) === "csv";
}

function csv(c: Context<AppEnv>, columns: readonly string[], rows: readonly Record<string, unknown>[]): Response {
  return c.body(csvOf(columns, rows), 200, { "Content-Type": "text/csv" });
}
