import type { Context } from "hono";
import { formatTimestamp } from "../event/timestamp.ts";
import { problem } from "./problem.ts";
import type { EventResult } from "./record-events.ts";

/** Answers a request that held one event, outside of any batch. */
export function answerOne(c: Context, result: EventResult): Response {
  if (result.status === "rejected") return problem(c, { reason: "invalid_request", faults: result.faults });
  const { event, userId, timestamp } = result.event;
  return c.json({
    success: true,
    status: result.status,
    event,
    user_id: userId,
    timestamp: formatTimestamp(timestamp),
    ...verdictOf(result),
  });
}

/** Answers a request that held several: 200 when all were taken, 207 when some were, 400 when none was. */
export function answerSeveral(c: Context, results: EventResult[]): Response {
  const count = (status: EventResult["status"]) => results.filter((result) => result.status === status).length;
  const rejected = count("rejected");
  const suppressed = count("suppressed");
  const body = {
    success: rejected === 0,
    created: count("created"),
    duplicates: count("duplicate"),
    updated: count("updated"),
    rejected,
    ...(suppressed > 0 ? { suppressed } : {}),
    results: results.map((result, index) => ({ index, status: result.status, ...verdictOf(result) })),
  };
  if (rejected < results.length) return c.json(body, rejected === 0 ? 200 : 207);
  const faults = results.flatMap((result, index) =>
    result.status === "rejected"
      ? result.faults.map((fault) => ({ ...fault, pointer: `/${index}${fault.pointer}` }))
      : [],
  );
  return problem(c, { reason: "invalid_request", faults }, body);
}

function verdictOf(result: EventResult): Record<string, unknown> {
  switch (result.status) {
    case "created":
    case "duplicate":
    case "updated":
      return { seq: result.seq, revision: result.revision, ...(result.late ? { late: true } : {}) };
    case "suppressed":
      return {};
    case "rejected":
      return { errors: result.faults };
  }
}
