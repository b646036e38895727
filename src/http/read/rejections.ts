import { Hono } from "hono";
import * as v from "valibot";
import { readRejectionCounts, readRejections } from "../../d1/rejections/read-rejections.ts";
import { floorTo, HOUR_MS } from "../../d1/hour.ts";
import type { RejectionCount } from "../../d1/rejections/tally.ts";
import { formatTimestamp } from "../../event/timestamp.ts";
import { DEFAULT_OVERVIEW_MS } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import type { AppEnv } from "../app-env.ts";
import { page, wantsPage } from "../page.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { cursorTo, encodeCursor } from "./cursor.ts";
import { presentRejection } from "./present-rejection.ts";
import { nonEmptyText, pageLimit, parseQuery, pointInTime } from "./query.ts";

export const rejectionsQuery = v.strictObject({
  from: v.optional(pointInTime),
  to: v.optional(pointInTime),
  reason: v.optional(nonEmptyText),
  event: v.optional(nonEmptyText),
  key: v.optional(nonEmptyText),
  user_id: v.optional(nonEmptyText),
  limit: pageLimit,
  cursor: v.optional(cursorTo(v.pipe(v.number(), v.safeInteger()))),
});

export const reasonsQuery = v.strictObject({ from: v.optional(pointInTime), to: v.optional(pointInTime) });

/** What was refused: examples for each reason, counts for each reason, and a page that shows both. */
export const rejections = new Hono<AppEnv>()
  .get("/rejections", async (c, next) => (wantsPage(c) ? page(c, "rejections") : next()))
  .get("/rejections", requireKey("read"), async (c) => {
    const parsed = parseQuery(c, rejectionsQuery);
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const { cursor, ...query } = parsed.query;
    try {
      const { rows, next } = await readRejections(c.env, { ...query, before: cursor });
      return c.json({ rejections: rows.map(presentRejection), next_cursor: next === null ? null : encodeCursor(next) });
    } catch (error) {
      logFailure("rejections_unreadable", error, { request_id: c.get("requestId") });
      return problem(c, { reason: "unreachable" });
    }
  })
  .get("/rejections/reasons", requireKey("read"), async (c) => {
    const parsed = parseQuery(c, reasonsQuery);
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const to = parsed.query.to ?? Date.now();
    const from = floorTo(HOUR_MS, parsed.query.from ?? to - DEFAULT_OVERVIEW_MS);
    try {
      const counts = await readRejectionCounts(c.env, from, to);
      return c.json({ from: formatTimestamp(from), to: formatTimestamp(to), reasons: reasonsOf(counts) });
    } catch (error) {
      logFailure("rejections_unreadable", error, { request_id: c.get("requestId") });
      return problem(c, { reason: "unreachable" });
    }
  });

/** The most frequent reason first, each with its hours in order, its events and its keys. */
function reasonsOf(counts: RejectionCount[]) {
  const reasons = Map.groupBy(counts, ({ reason }) => reason);
  return [...reasons]
    .map(([reason, ofReason]) => ({
      reason,
      rejections: sumOf(ofReason),
      hours: sums(ofReason, ({ hour }) => hour)
        .sort(([a], [b]) => a - b)
        .map(([hour, rejected]) => ({ hour: formatTimestamp(hour), rejections: rejected })),
      events: sums(ofReason, ({ event }) => event || null)
        .sort(([, a], [, b]) => b - a)
        .map(([event, rejected]) => ({ event, rejections: rejected })),
      keys: sums(ofReason, ({ source }) => source || null)
        .sort(([, a], [, b]) => b - a)
        .map(([key, rejected]) => ({ key, rejections: rejected })),
    }))
    .sort((a, b) => b.rejections - a.rejections);
}

function sums<Key>(counts: RejectionCount[], keyOf: (count: RejectionCount) => Key): [Key, number][] {
  return [...Map.groupBy(counts, keyOf)].map(([key, group]) => [key, sumOf(group)]);
}

function sumOf(counts: RejectionCount[]): number {
  return counts.reduce((sum, { rejections: rejected }) => sum + rejected, 0);
}
