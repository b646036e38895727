import { MAX_RETENTION_CHUNKS, RETENTION_CHUNK_EVENTS } from "../limits.ts";
import { raiseFeedFloor } from "./erase-events.ts";

/** The window of rows that a chunk looks at, after a position. */
const WINDOW = `SELECT position FROM events WHERE position > ?1 ORDER BY position LIMIT ${RETENTION_CHUNK_EVENTS}`;

/**
 * Removes events that happened before `cutoff` (epoch milliseconds) from D1; the users' logs keep them.
 *
 * Goes by the order of arrival, in chunks, as long as there is something to remove: an index on the time would cost a
 * written row for every event. So what was imported late with an old time may stay until it has been here that long.
 *
 * @returns how many rows were removed
 */
export async function removeExpired(database: D1Database, cutoff: number): Promise<number> {
  let removed = 0;
  let after = 0;
  for (let chunk = 0; chunk < MAX_RETENTION_CHUNKS; chunk++) {
    const [, window, deletion] = await database.batch<{ position: number | null }>([
      raiseFeedFloor(database),
      database.prepare(`SELECT max(position) AS position FROM (${WINDOW})`).bind(after),
      database.prepare(`DELETE FROM events WHERE position IN (${WINDOW}) AND timestamp < ?2`).bind(after, cutoff),
    ]);
    const end = window!.results[0]!.position;
    if (end === null || deletion!.meta.changes === 0) break;
    removed += deletion!.meta.changes;
    after = end;
  }
  return removed;
}
