import type { WorkerServer } from "./worker-server.ts";

const ROWS_AT_ONCE = 50_000;
const DAY_MS = 86_400_000;

/**
 * Fills D1 with events of one day, evenly spread, that were written long ago. Each has about 200 bytes of JSON, and the
 * columns that a browser's page view has.
 */
export async function fillWithOldEvents(
  server: WorkerServer,
  events: number,
  users: number,
  day: number,
): Promise<void> {
  const database = await server.database("DB");
  for (let from = 0; from < events; from += ROWS_AT_ONCE)
    await database
      .prepare(
        `INSERT INTO events (timestamp, generation, seq, user_id, revision, event, message_id, properties, context,
           received_at, source, written_at)
         WITH RECURSIVE numbers(n) AS
           (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2 - 1)
         SELECT CAST(?3 AS INTEGER) + n * ${DAY_MS} / ${events}, 6755399441055744 + n % ${users}, n,
           'user-' || n % ${users}, 1, 'page_viewed', NULL,
           json_object('n', n, 'path', '/products/' || n % 977, 'title', hex(n * 2654435761)),
           json_object('locale', 'en-GB', 'agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'campaign', n % 13),
           CAST(?3 AS INTEGER) + n, 'website', 0
         FROM numbers`,
      )
      .bind(from, Math.min(events, from + ROWS_AT_ONCE), day)
      .run();
}
