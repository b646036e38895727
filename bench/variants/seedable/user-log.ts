import { ValueStore } from "../../../src/user/stored-values.ts";
import { UserLog as RealUserLog } from "../../../src/user/user-log.ts";

/** Rows in one transaction. A million in one would make a write-ahead log of several hundred megabytes. */
const CHUNK_EVENTS = 100_000;

export const SEEDED = "The log was seeded";

/** A user's log that can be filled with a long history, as if it had been recorded and delivered to D1 before. */
export class UserLog extends RealUserLog {
  /**
   * @param count how many events to add to a log that has a table
   * @param firstTimestamp when the first of them happened, in epoch milliseconds
   * @param stepMs the time from one event to the next, in milliseconds
   */
  async seed(count: number, firstTimestamp: number, stepMs: number): Promise<void> {
    const { storage } = this.ctx;
    const values = new ValueStore(storage);
    const state = values.get("log")!;
    for (let done = 0; done < count; done += CHUNK_EVENTS) {
      storage.sql.exec(
        `WITH RECURSIVE row(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM row WHERE n + 1 < ?2)
         INSERT INTO events (timestamp, event, message_id, seq, revision, properties, context, received_at)
         SELECT ?4 + n * ?5, 'page_viewed', '', ?3 + n, 1, '{"path":"/pricing","plan":"team","amount":4200}', '{}', ?4 + n * ?5
         FROM row`,
        done,
        Math.min(done + CHUNK_EVENTS, count),
        state.headSeq + 1,
        firstTimestamp,
        stepMs,
      );
      await storage.sync();
    }
    values.put("log", { ...state, headSeq: state.headSeq + count });
    await storage.sync();
    // The object's memory does not have these events, so it is restarted. The call rejects with this as its error.
    this.ctx.abort(SEEDED);
  }
}
