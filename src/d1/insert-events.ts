/**
 * One statement for any number of rows: D1 allows 100 bound parameters, so the rows come as one JSON array.
 *
 * Idempotent: a row that is there in the same or a newer revision stays untouched, so a statement may be sent again
 * after a failure that left its outcome open. D1 runs one statement at a time, hence the positions that the
 * statement gives out are in the order in which readers can see the rows.
 */
const INSERT_EVENTS = `
INSERT INTO events
  (position, user_id, generation, seq, revision, event, timestamp, message_id, properties, context, received_at, source)
SELECT
  max((SELECT position FROM feed_floor), coalesce((SELECT max(position) FROM events), 0)) + 1 + key,
  value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
  value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10
FROM json_each(?1)
WHERE true
ON CONFLICT (user_id, generation, seq) DO UPDATE SET
  position = excluded.position,
  revision = excluded.revision,
  properties = excluded.properties,
  context = excluded.context
WHERE excluded.revision > events.revision`;

/**
 * Appends rows to D1. Throws what D1 throws; the caller keeps the rows and sends them again.
 *
 * @param rows encoded by `encodeEventRow`, together at most MAX_STATEMENT_EVENTS and MAX_STATEMENT_BYTES
 */
export async function insertEvents(database: D1Database, rows: readonly string[]): Promise<void> {
  await database
    .prepare(INSERT_EVENTS)
    .bind(`[${rows.join(",")}]`)
    .run();
}
