import { writtenAt } from "./written-at.ts";

/** Identifies an erased log. */
export interface ErasedLog {
  user_id: string;
  generation: number;
}

/**
 * Makes statements for one transaction. They store tombstones, which keep rows of erased logs out, and append to the
 * feed each erasure that is new to the database. Idempotent.
 *
 * @param now epoch milliseconds
 */
export function tombstones(database: D1Database, erased: readonly ErasedLog[], now: number): D1PreparedStatement[] {
  const sent = JSON.stringify(erased.map(({ user_id, generation }) => [generation, user_id]));
  return [
    `INSERT INTO feed (written_at, events, keys, erased)
     SELECT ${writtenAt("?1")}, 0, '[]', value ->> 0 FROM json_each(?2)
     WHERE NOT EXISTS (SELECT 1 FROM erased WHERE generation = value ->> 0 AND user_id = value ->> 1)`,
    `INSERT OR IGNORE INTO erased (generation, user_id, erased_at)
     SELECT value ->> 0, value ->> 1, ?1 FROM json_each(?2)`,
  ].map((sql) => database.prepare(sql).bind(now, sent));
}
