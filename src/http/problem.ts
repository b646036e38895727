import type { Context } from "hono";
import { describeProblem, type Problem } from "./describe-problem.ts";

/** Answers with an RFC 9457 problem. `more` adds members of the route, such as the results of a batch. */
export function problem(c: Context, refused: Problem, more: Record<string, unknown> = {}): Response {
  c.set("refused", refused);
  const { status, headers, body } = renderProblem(refused, c.get("requestId"), more);
  return c.body(JSON.stringify(body), status, { ...headers, "Content-Type": "application/problem+json" });
}

/** What {@link problem} answers, for the documentation too. */
export function renderProblem(refused: Problem, requestId: string | undefined, more: Record<string, unknown> = {}) {
  const { status, title, detail, errors = [], members = {}, headers = {} } = describeProblem(refused);
  const type = `urn:tracklog:problem:${refused.reason.replaceAll("_", "-")}`;
  const body = {
    type,
    title,
    status,
    detail,
    // Segment's and RudderStack's Python SDKs treat an answer without these two as a network fault and retry it.
    code: refused.reason,
    message: detail,
    request_id: requestId,
    success: false,
    errors,
    ...members,
    ...more,
  };
  return { status, headers, body };
}
