import { recountHours } from "./stale-hours.ts";
import { tombstones } from "./tombstones.ts";

/** Identifies an event of one log in D1, by its time in epoch milliseconds and its number in the log. */
export type ErasedKey = [timestamp: number, seq: number];

/**
 * Deletes some events of an erased log from D1, and stores a tombstone that keeps late rows of the log out. Needs the
 * events' keys from the log, because `events` has no index by user. Idempotent. Rejects with what D1 throws.
 *
 * @param keys at most MAX_ERASED_KEYS
 * @param now epoch milliseconds
 */
export async function eraseEvents(
  database: D1Database,
  userId: string,
  generation: number,
  keys: readonly ErasedKey[],
  now: number,
): Promise<void> {
  const sent = JSON.stringify(keys);
  await database.batch([
    ...tombstones(database, [{ user_id: userId, generation }], now),
    database
      .prepare(
        `DELETE FROM events WHERE (timestamp, generation, seq, user_id) IN
           (SELECT value ->> 0, ?1, value ->> 1, ?2 FROM json_each(?3))`,
      )
      .bind(generation, userId, sent),
    ...recountHours(database, sent),
  ]);
}
