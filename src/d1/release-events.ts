import { markStale } from "./stale-hours.ts";

/** A row that a log would have in another database, and the revision that the log has. */
export type ReleasedKey = [timestamp: number, seq: number, revision: number];

/** A row that a database has, all the same. */
export type KeptKey = [seq: number, revision: number];

/** A number that only rises. An insertion that was made before it rose fails. Rejects with what D1 throws. */
export async function epochOf(database: D1Database): Promise<number> {
  return (await database.prepare("SELECT epoch FROM incarnation").first<number>("epoch")) ?? 0;
}

const SENT = `FROM json_each(?3) AS sent JOIN events ON events.timestamp = sent.value ->> 0 AND events.generation = ?1
  AND events.seq = sent.value ->> 1 AND events.user_id = ?2`;

/**
 * An older revision gives way. A row that was written long ago may be in a file of the archive by now, or will be soon, and
 * one of a sealed hour stays in the counters: those stay.
 */
const GIVES_WAY = `events.revision < sent.value ->> 2 AND events.written_at >= ?4
  AND events.timestamp >= (SELECT sealed_before FROM rollup)`;

/**
 * Gives up rows for another database, in one transaction, and tells which ones stay. Whatever was sent to this database
 * before, and may still be on its way, can bring none of the others back: the epoch rises. So the answer stays true.
 * Raising it needs no room, and there is none in a full database. Idempotent. Rejects with what D1 throws.
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
