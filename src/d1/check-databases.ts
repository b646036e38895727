import { HEALTH_TIMEOUT_MS, MAX_HEALTHY_WAIT_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { orTimeout } from "../or-timeout.ts";
import { settingsOf } from "../settings.ts";
import { type D1Failure, d1FailureOf } from "./d1-failure.ts";
import type { WriterStatus } from "./d1-writer.ts";
import { databaseNamed, databaseNames } from "./databases.ts";
import { laneStatuses } from "./lane-statuses.ts";

/**
 * How a database is:
 *
 * - "timeout": it does not answer.
 * - "unmigrated": it answers, but its tables are not there yet.
 * - "full": it takes no row more, and users wait.
 * - "exhausted": the account's rows for today are used up.
 * - "failed": it answers a read with an error, or did not take the latest events, and users wait.
 * - "no_writer": one of its writers does not answer.
 * - "behind": somebody has waited longer than MAX_HEALTHY_WAIT_MS for it to have their events.
 */
type DatabaseStatus = "ok" | "timeout" | "unmigrated" | "full" | "exhausted" | "failed" | "no_writer" | "behind";

/** Of what the database did not answer, there is null. Times are epoch milliseconds. */
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

/** Each bound database by its binding's name. */
export type DatabasesHealth = Record<string, DatabaseHealth>;

const TIMEOUT = "D1 did not answer";

/** One row by its key, and one at the end of a table, so that asking costs the same however much there is. */
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

/** Never throws: a database that is away is an answer. */
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
 * That a database can be read says nothing of its writes: a full one still answers. So what its writers last met counts
 * too, as long as somebody waits, and so does how long they have waited, which outlasts a writer's sleep.
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
