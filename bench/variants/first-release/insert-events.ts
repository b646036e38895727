// The first release's table of events was ordered by arrival and had a unique index by user. It is kept for comparison.

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
 * @param rows each a JSON array of user_id, generation, seq, revision, event, timestamp, message_id, properties,
 * context, received_at, source
 */
export async function insertEvents(database: D1Database, rows: readonly string[]): Promise<void> {
  await database
    .prepare(INSERT_EVENTS)
    .bind(`[${rows.join(",")}]`)
    .run();
}
