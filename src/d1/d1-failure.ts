/**
 * Why D1 did not take what it was sent.
 *
 * - "away": it failed or did not answer; it may be back in a moment.
 * - "unmigrated": the tables are not there yet, as between a first deploy and its migrations.
 * - "full": the database has reached its maximum size; it takes nothing more until somebody makes room.
 * - "exhausted": the account's rows for today are used up (the free plan), until midnight UTC.
 * - "busy": the writer's line is full.
 * - "unknown_version": the writer runs other code than the caller, in the minutes of a deploy.
 */
export type D1Failure = "away" | "unmigrated" | "full" | "exhausted" | "busy" | "unknown_version";

// SQLITE_FULL, and the texts in developers.cloudflare.com/d1/observability/debug-d1.
const FULL = /SQLITE_FULL|exceeded maximum DB size|maximum account storage|database or disk is full/i;
const EXHAUSTED =
  /(rows (read|written)|daily|free (plan|tier)).{0,60}(limit|exceed|quota)|exceed.{0,60}(rows|daily|free)/i;
const UNMIGRATED = /no such (table|column)|has no column named/i;
const REFUSED = /SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/;

/** Tells from D1's message what kind of failure it is. */
export function d1FailureOf(error: unknown): D1Failure {
  const message = String(error);
  if (FULL.test(message)) return "full";
  if (UNMIGRATED.test(message)) return "unmigrated";
  return EXHAUSTED.test(message) ? "exhausted" : "away";
}

/** Whether D1 will never take at least one of the rows of a statement; anything else may pass. */
export function isRefusal(error: unknown): boolean {
  return REFUSED.test(String(error));
}
