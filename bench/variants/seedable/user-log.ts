import { readLogState, writeLogState } from "../../../src/user/log-state.ts";
import { readHead } from "../../../src/user/record-event.ts";
import { UserLog as RealUserLog } from "../../../src/user/user-log.ts";

/** Rows in one transaction; a million in one would be a write-ahead log of several hundred megabytes. */
const CHUNK_EVENTS = 100_000;

/** A year before the run's own events. */
const FIRST_TIMESTAMP = Date.now() - 365 * 24 * 60 * 60 * 1000;

/** A user's log that can be given a long history, as if recorded and shipped to D1 before. */
export class UserLog extends RealUserLog {
  /** @param count how many events to add to a log that has begun */
  async seed(count: number): Promise<void> {
    const { storage } = this.ctx;
    const first = readHead(storage.sql).seq + 1;
    for (let done = 0; done < count; done += CHUNK_EVENTS) {
      storage.sql.exec(
        `WITH RECURSIVE row(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM row WHERE n + 1 < ?2)
         INSERT INTO events (seq, timestamp, event, message_id, revision, properties, context, received_at, source)
         SELECT ?3 + n, ?4 + n * 1000, 'page_viewed', '', 1, '{"path":"/pricing","plan":"team","amount":4200}', '{}', ?4 + n * 1000, NULL
         FROM row`,
        done,
        Math.min(done + CHUNK_EVENTS, count),
        first,
        FIRST_TIMESTAMP,
      );
      await storage.sync();
    }
    writeLogState(storage, { ...readLogState(storage)!, shippedSeq: first + count - 1 });
  }
}
