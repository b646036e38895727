import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 5;
const MAX_WAIT_MS = 60_000;

/**
 * Watches D1's table by reading its file from outside workerd, because a query through the Worker would need the same
 * thread that is measured.
 */
export class StoredEvents {
  readonly #database: DatabaseSync;

  constructor(d1File: string) {
    this.#database = new DatabaseSync(d1File, { readOnly: true, timeout: 1_000 });
  }

  /** Counts all rows. */
  count(): number {
    return this.#one("SELECT count(*) AS value FROM events");
  }

  /**
   * Waits until `more` events have been created since `before`. It reads the feed, which has one row for each statement, so
   * it stays cheap while the table grows. Throws after `maxWaitMs`.
   *
   * @param before a position that `position()` returned
   */
  async waitForMore(before: number, more: number, maxWaitMs = MAX_WAIT_MS): Promise<void> {
    const start = performance.now();
    for (;;) {
      const found = this.#one("SELECT coalesce(sum(events), 0) AS value FROM feed WHERE position > ?", before);
      if (found >= more) return;
      if (performance.now() - start > maxWaitMs)
        throw new Error(`D1 had ${found} of ${more} events after ${maxWaitMs / 1000} s`);
      await sleep(POLL_MS);
    }
  }

  /** The feed's last position. */
  position(): number {
    return this.#one("SELECT coalesce(max(position), 0) AS value FROM feed");
  }

  /** The size of the database, in bytes. */
  bytes(): number {
    return this.#one("SELECT page_count * page_size AS value FROM pragma_page_count, pragma_page_size");
  }

  close(): void {
    this.#database.close();
  }

  #one(sql: string, ...values: number[]): number {
    return this.#database.prepare(sql).get(...values)!["value"] as number;
  }
}
