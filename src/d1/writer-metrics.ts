import { LAG_BUCKETS_S } from "../limits.ts";
import type { D1Failure } from "./d1-failure.ts";

/** What a writer has done since it woke up. A reader of counters knows that they may begin anew. */
export interface WriterCounts {
  statements: number;
  rows: number;
  failures: Partial<Record<D1Failure, number>>;
  /** How long events took from the log to D1: for each bound of LAG_BUCKETS_S how many took no longer, the sum in s, all. */
  lag: { buckets: number[]; sum: number; count: number };
  /** What D1 said of its size with the last statement, in bytes; null where it was not asked since. */
  sizeBytes: number | null;
}

/** Counts in memory: a row for each would cost as much as the events. */
export class WriterMetrics {
  readonly counts: WriterCounts = {
    statements: 0,
    rows: 0,
    failures: {},
    lag: { buckets: LAG_BUCKETS_S.map(() => 0), sum: 0, count: 0 },
    sizeBytes: null,
  };

  /**
   * @param since when the rows' logs began to wait, in epoch milliseconds; null where they only repeat what D1 may have
   */
  inserted(rows: number, since: readonly (number | null)[], now: number, sizeBytes: number): void {
    this.counts.statements++;
    this.counts.rows += rows;
    this.counts.sizeBytes = sizeBytes;
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
  }
}
