import type { Context } from "hono";
import { formatTimestamp } from "../../event/timestamp.ts";
import { MAX_REPORTED_FAULTS } from "../../limits.ts";
import { countAnswers } from "../../stats/tally.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import type { EventResult, RequestOutcome } from "./record-request.ts";

/** The form of a request's body, which decides how it is answered. */
type Form =
  | { form: "single" }
  /** `pointer` leads to the events' array in the body. `partial` is the status if only some events were accepted. */
  | { form: "several"; pointer: "" | "/batch"; partial: 200 | 207 };

/**
 * Answers a request that records events. Several events get 200 if all were accepted, and 400 if none was.
 *
 * If a user's rate was exceeded it is 429, even if other users' events were recorded. Clients take a 2xx for delivered
 * and would lose what was refused, while recorded events are recognised as duplicates when they come again.
 */
export function answer(c: Context<AppEnv>, form: Form, recorded: RequestOutcome): Response {
  if (recorded.outcome === "unavailable") return problem(c, { reason: "unavailable" });
  const { results } = recorded;
  countVerdicts(c, results);
  const body = form.form === "several" ? summaryOf(results) : {};
  if (recorded.outcome === "rate_limited") return problem(c, { ...recorded, reason: "user_rate_limited" }, body);
  if (form.form === "single") return answerOne(c, results[0]!);

  const rejected = results.filter((result) => result.status === "rejected");
  if (rejected.length < results.length) return c.json(body, rejected.length === 0 ? 200 : form.partial);
  const faults = rejected
    .flatMap((result, index) =>
      result.faults.map((fault) => ({ ...fault, pointer: `${form.pointer}/${index}${fault.pointer}` })),
    )
    .slice(0, MAX_REPORTED_FAULTS);
  return problem(c, { reason: reasonFor(rejected), faults }, body);
}

/** If all events are too old, the problem has a reason of its own, because the client cannot mend it. */
function reasonFor(rejected: readonly EventResult[]): "expired" | "invalid_request" {
  return rejected.every((result) => "code" in result && result.code === "expired") ? "expired" : "invalid_request";
}

function answerOne(c: Context, result: EventResult): Response {
  if (result.status === "rejected") return problem(c, { reason: reasonFor([result]), faults: result.faults });
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

function summaryOf(results: EventResult[]): Record<string, unknown> {
  const count = (status: EventResult["status"]) => results.filter((result) => result.status === status).length;
  const rejected = count("rejected");
  const suppressed = count("suppressed");
  return {
    success: rejected === 0,
    created: count("created"),
    duplicates: count("duplicate"),
    updated: count("updated"),
    rejected,
    ...(suppressed > 0 ? { suppressed } : {}),
    results: results.map((result, index) => ({ index, status: result.status, ...verdictOf(result) })),
  };
}

/** What an answer says about one event besides its status. */
export function verdictOf(result: EventResult): Record<string, unknown> {
  switch (result.status) {
    case "created":
    case "duplicate":
    case "updated":
      return { seq: result.seq, revision: result.revision, ...(result.late ? { late: true } : {}) };
    case "suppressed":
      return {};
    case "rejected":
      return { ...(result.code && { code: result.code }), errors: result.faults };
  }
}

/** Counts the verdicts for the dashboard. */
function countVerdicts(c: Context<AppEnv>, results: EventResult[]): void {
  const counts = new Map<string, number>();
  for (const { status } of results) counts.set(status, (counts.get(status) ?? 0) + 1);
  for (const [name, count] of counts)
    countAnswers(c.env, { kind: "verdict", name, source: c.get("source"), count }, Date.now());
}
