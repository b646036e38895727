import { HEALTH_TIMEOUT_MS, MAX_HEALTHY_WAIT_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { orTimeout } from "../or-timeout.ts";
import { settingsOf } from "../settings.ts";
import { type D1Failure, d1FailureOf } from "./d1-failure.ts";
import type { WriterStatus } from "./d1-writer.ts";
import { databaseNamed, databaseNames } from "./databases.ts";
import { laneStatuses } from "./lane-statuses.ts";

/**
 * The state of a database:
 *
 * - "timeout": it does not answer.
 * - "unmigrated": it answers, but its tables do not exist yet.
 * - "full": it accepts no more rows, and users are waiting.
 * - "exhausted": the account's rows for today are used up.
 * - "failed": it answers a read with an error, or did not accept the latest events and users are waiting.
 * - "no_writer": one of its writers does not answer.
 * - "behind": a user has waited longer than MAX_HEALTHY_WAIT_MS for events to be written.
 */
type DatabaseStatus = "ok" | "timeout" | "unmigrated" | "full" | "exhausted" | "failed" | "no_writer" | "behind";

/** A field is null if the database did not say. Times are in epoch milliseconds. */
export interface DatabaseHealth {
  status: DatabaseStatus;
  /** Whether `CLOSED_DATABASES` names it, so that no new event goes there. */
  isClosed: boolean;
  incarnation: string | null;
  /** When the newest row of its feed was written. */
  lastWrite: number | null;
  sizeBytes: number | null;
  usersWaiting: number;
  eventsWaiting: number;
  waitingSince: number | null;
  /** Its writers in the order of their lanes; null for one that does not answer. */
  lanes: (WriterStatus | null)[];
}

/** The health of each database, by the name of its binding. */
export type DatabasesHealth = Record<string, DatabaseHealth>;

const TIMEOUT = "D1 did not answer";

/** Reads one row by its key and the last row of a table, so the cost does not grow with the database. */
const QUESTION = `SELECT
  (SELECT name FROM incarnation) AS incarnation,
  (SELECT written_at FROM feed ORDER BY position DESC LIMIT 1) AS last_write`;

/** Asks every database and its writers, all at once, for at most HEALTH_TIMEOUT_MS. Never rejects. */
export async function checkDatabases(env: Env, now: number): Promise<DatabasesHealth> {
  const checks = databaseNames(env).map(async (name) => {
    const [database, lanes] = await Promise.all([ask(env, name), laneStatuses(env, name)]);
    const isClosed = settingsOf(env).closedDatabases.has(name);
    return [name, { ...healthOf(database, lanes, now), isClosed }] as const;
  });
  return Object.fromEntries(await Promise.all(checks));
}

type Answer = Pick<DatabaseHealth, "status" | "incarnation" | "lastWrite" | "sizeBytes">;

/** Never rejects, because a database that does not answer is a result. */
async function ask(env: Env, name: string): Promise<Answer> {
  try {
    const question = databaseNamed(env, name)
      .prepare(QUESTION)
      .run<{ incarnation: string | null; last_write: number | null }>();
    const { results, meta } = await orTimeout(question, HEALTH_TIMEOUT_MS, () => new Error(TIMEOUT));
    const [row] = results;
    return {
      status: "ok",
      incarnation: row?.incarnation ?? null,
      lastWrite: row?.last_write ?? null,
      sizeBytes: meta.size_after,
    };
  } catch (error) {
    logFailure("d1_unhealthy", error, { database: name });
    const isTimeout = error instanceof Error && error.message === TIMEOUT;
    const status = isTimeout ? "timeout" : statusOf(d1FailureOf(error));
    return { status, incarnation: null, lastWrite: null, sizeBytes: null };
  }
}

/**
 * Combines the database's answer with what its writers know. A full database still answers reads, so the writers' last
 * failure counts as long as users are waiting. How long they have waited counts as well, because a writer has that on
 * disk and its last failure only in memory.
 */
function healthOf(answer: Answer, lanes: DatabaseHealth["lanes"], now: number): Omit<DatabaseHealth, "isClosed"> {
  const found = lanes.filter((lane) => lane !== null);
  const since = found.flatMap(({ waiting }) => waiting.oldest ?? []);
  const waitingSince = since.length > 0 ? Math.min(...since) : null;
  const failing = found.flatMap(({ counts, waiting }) => (waiting.users > 0 ? (counts.failing ?? []) : []));
  const statuses: DatabaseStatus[] = [
    answer.status,
    ...failing.map(statusOf),
    found.length < lanes.length ? "no_writer" : "ok",
    waitingSince !== null && now - waitingSince > MAX_HEALTHY_WAIT_MS ? "behind" : "ok",
  ];
  return {
    ...answer,
    status: statuses.find((status) => status !== "ok") ?? "ok",
    usersWaiting: found.reduce((sum, { waiting }) => sum + waiting.users, 0),
    eventsWaiting: found.reduce((sum, { waiting }) => sum + waiting.events, 0),
    waitingSince,
    lanes,
  };
}

function statusOf(failure: D1Failure): DatabaseStatus {
  return failure === "unmigrated" || failure === "full" || failure === "exhausted" ? failure : "failed";
}
