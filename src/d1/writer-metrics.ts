import { LAG_BUCKETS_S } from "../limits.ts";
import type { D1Failure } from "./d1-failure.ts";

/** What a writer has done since it started. Readers of such counters expect that they may start again at zero. */
export interface WriterCounts {
  statements: number;
  rows: number;
  failures: Partial<Record<D1Failure, number>>;
  /** Why D1 did not accept the latest statement; null if it did. */
  failing: D1Failure | null;
  /**
   * How long events took from the log to D1, as a histogram: how many took at most each bound of LAG_BUCKETS_S, the sum
   * in seconds, and how many there were.
   */
  lag: { buckets: number[]; sum: number; count: number };
  /** The database's size after the last statement, in bytes; null before the first. */
  sizeBytes: number | null;
}

/** Counts in memory, because storing the counters would cost as many rows as the events do. */
export class WriterMetrics {
  readonly counts: WriterCounts = {
    statements: 0,
    rows: 0,
    failures: {},
    failing: null,
    lag: { buckets: LAG_BUCKETS_S.map(() => 0), sum: 0, count: 0 },
    sizeBytes: null,
  };

  /**
   * @param since when each log's oldest row was recorded, in epoch milliseconds; null if the rows are sent again
   */
  inserted(rows: number, since: readonly (number | null)[], now: number, sizeBytes: number): void {
    this.counts.statements++;
    this.counts.rows += rows;
    this.counts.sizeBytes = sizeBytes;
    this.counts.failing = null;
    const { lag } = this.counts;
    for (const begun of since) {
      if (begun === null) continue;
      const seconds = Math.max(0, now - begun) / 1000;
      LAG_BUCKETS_S.forEach((bound, index) => {
        if (seconds <= bound) lag.buckets[index]!++;
      });
      lag.sum += seconds;
      lag.count++;
    }
  }

  failed(failure: D1Failure): void {
    this.counts.failures[failure] = (this.counts.failures[failure] ?? 0) + 1;
    // These two say nothing about D1, because it was not asked.
    if (failure !== "busy" && failure !== "unknown_version") this.counts.failing = failure;
  }
}
