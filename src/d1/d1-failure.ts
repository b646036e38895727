/**
 * Why D1 did not accept what it was sent.
 *
 * - "away": it failed or did not answer, but may soon be back.
 * - "unmigrated": the tables do not exist yet, as between a first deployment and its migrations.
 * - "full": the database has reached its maximum size and accepts nothing until somebody deletes rows.
 * - "exhausted": the account's rows for today are used up, until midnight UTC. This happens on the free plan.
 * - "busy": the writer's line is full.
 * - "unknown_version": the writer runs other code than the caller, as in the minutes of a deployment.
 */
export type D1Failure = (typeof D1_FAILURES)[number];

export const D1_FAILURES = ["away", "unmigrated", "full", "exhausted", "busy", "unknown_version"] as const;

// The texts are those of SQLite and of developers.cloudflare.com/d1/observability/debug-d1.
const FULL = /SQLITE_FULL|exceeded maximum DB size|maximum account storage|database or disk is full/i;
const EXHAUSTED =
  /(rows (read|written)|daily|free (plan|tier)).{0,60}(limit|exceed|quota)|exceed.{0,60}(rows|daily|free)/i;
const UNMIGRATED = /no such (table|column)|has no column named/i;
const REFUSED = /SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/;

/** The kind of failure, according to D1's message. Anything unknown is "away". */
export function d1FailureOf(error: unknown): D1Failure {
  const message = String(error);
  if (FULL.test(message)) return "full";
  if (UNMIGRATED.test(message)) return "unmigrated";
  return EXHAUSTED.test(message) ? "exhausted" : "away";
}

/** Whether D1 refused the statement because of its rows. Any other failure may be temporary. */
export function isRefusal(error: unknown): boolean {
  return REFUSED.test(String(error));
}
