import { databaseNamed, databaseNames } from "../d1/databases.ts";
import type { Waiting } from "../d1/directory.ts";
import { writerLanes, writerOfLane } from "../d1/writer-of.ts";
import { HEALTH_TIMEOUT_MS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";

/** The state of a database. Times are epoch milliseconds, sizes are bytes. */
interface DatabaseState {
  name: string;
  bytes: number;
  users: number;
  /** What its users' logs have still to deliver. */
  waiting: Waiting;
  /**
   * When its newest row was written, and how long its latest events took from acceptance until D1 had them, in
   * milliseconds.
   */
  lag: { newest: number | null; median: number | null; longest: number | null };
}

// Joins the latest statements' events by their keys, because `events` is ordered by when things happened and not by
// when they arrived.
const LAG = `
WITH latest AS (SELECT written_at, keys FROM feed WHERE erased IS NULL ORDER BY position DESC LIMIT 20),
lags AS (
  SELECT latest.written_at, latest.written_at - events.received_at AS lag
  FROM latest CROSS JOIN json_each(latest.keys) AS sent CROSS JOIN events
    ON events.timestamp = sent.value ->> 0 AND events.generation = sent.value ->> 1 AND events.seq = sent.value ->> 2
  WHERE sent.value ->> 3 = 1 LIMIT 1000)
SELECT (SELECT max(written_at) FROM latest) AS newest, max(lag) AS longest,
  (SELECT lag FROM lags ORDER BY lag LIMIT 1 OFFSET (SELECT count(*) / 2 FROM lags)) AS median
FROM lags`;

/**
 * Asks every database and its writers. A database that does not answer has no state and is named in `away`. Never
 * rejects.
 */
export async function databaseStates(env: Env): Promise<{ states: DatabaseState[]; away: string[] }> {
  const names = databaseNames(env);
  const asked = await Promise.allSettled(
    names.map((name) => orTimeout(stateOf(env, name), HEALTH_TIMEOUT_MS, () => new Error("D1 did not answer"))),
  );
  return {
    states: asked.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : [])),
    away: names.filter((_, index) => asked[index]!.status === "rejected"),
  };
}

async function stateOf(env: Env, name: string): Promise<DatabaseState> {
  const lanes = Array.from({ length: writerLanes(env) }, (_, lane) => writerOfLane(env, name, lane));
  const [{ results, meta }, counts, statuses] = await Promise.all([
    databaseNamed(env, name).prepare(LAG).all<DatabaseState["lag"]>(),
    Promise.all(lanes.map((lane) => lane.userCount())),
    Promise.all(lanes.map((lane) => lane.status())),
  ]);
  const waiting = statuses.map((status) => status.waiting);
  const since = waiting.flatMap(({ oldest }) => (oldest === null ? [] : [oldest]));
  return {
    name,
    bytes: meta.size_after,
    users: counts.reduce((sum, count) => sum + count, 0),
    waiting: {
      users: waiting.reduce((sum, { users }) => sum + users, 0),
      events: waiting.reduce((sum, { events }) => sum + events, 0),
      oldest: since.length > 0 ? Math.min(...since) : null,
    },
    lag: results[0]!,
  };
}
