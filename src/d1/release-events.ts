import { markStale } from "./stale-hours.ts";

/** A row that a log wants to move to another database, and the revision that the log has. */
export type ReleasedKey = [timestamp: number, seq: number, revision: number];

/** A row that stays in the database, and the revision that the database has. */
export type KeptKey = [seq: number, revision: number];

/**
 * The database's epoch, a number that only rises. An insertion that was made under a lower one fails. Rejects with what
 * D1 throws.
 */
export async function epochOf(database: D1Database): Promise<number> {
  return (await database.prepare("SELECT epoch FROM incarnation").first<number>("epoch")) ?? 0;
}

const SENT = `FROM json_each(?3) AS sent JOIN events ON events.timestamp = sent.value ->> 0 AND events.generation = ?1
  AND events.seq = sent.value ->> 1 AND events.user_id = ?2`;

/**
 * A row is released if its revision is older than the log's, with two exceptions. If it was written long ago, a file of
 * the archive may have it by now or soon. If its hour is sealed, the counters could not be corrected.
 */
const GIVES_WAY = `events.revision < sent.value ->> 2 AND events.written_at >= ?4
  AND events.timestamp >= (SELECT sealed_before FROM rollup)`;

/**
 * Deletes the rows that may move to another database, in one transaction, and returns those that stay. Raises the
 * epoch, so that insertions that are still on their way fail and the answer stays true. Raising it needs no space,
 * which a full database does not have. Idempotent. Rejects with what D1 throws.
 *
 * @param keys at most MAX_STATEMENT_EVENTS, of one log
 * @param writtenAfter rows that were written before this time stay, in epoch milliseconds
 */
export async function releaseEvents(
  database: D1Database,
  userId: string,
  generation: number,
  keys: readonly ReleasedKey[],
  writtenAfter: number,
): Promise<KeptKey[]> {
  const sent = JSON.stringify(keys);
  const from = `${SENT} WHERE ${GIVES_WAY}`;
  const results = await database.batch<{ seq: number; revision: number }>([
    database.prepare("UPDATE incarnation SET epoch = epoch + 1"),
    ...[
      ...markStale("events.timestamp", from),
      `DELETE FROM events WHERE (timestamp, generation, seq, user_id) IN
         (SELECT events.timestamp, events.generation, events.seq, events.user_id ${from})`,
    ].map((sql) => database.prepare(sql).bind(generation, userId, sent, writtenAfter)),
    database.prepare(`SELECT events.seq, events.revision ${SENT}`).bind(generation, userId, sent),
  ]);
  return results.at(-1)!.results.map(({ seq, revision }) => [seq, revision]);
}
