import type { ArchivedObject } from "./manifest.ts";
import type { RowKey } from "../d1/event-row.ts";

/** Rows of one day that go from D1 into a file. What the plan says is frozen before anything is written. */
export interface MovePlan {
  kind: "move";
  target: string;
  day: string;
  /** The rows past `from`, up to and including `to`, … */
  from: RowKey;
  to: RowKey;
  /** … that were written to D1 before this time, in epoch milliseconds. */
  writtenBefore: number;
}

/** Files that one other file takes the place of: without the rows of erased logs, or several small ones in one. */
export interface ReplacePlan {
  kind: "replace";
  target: string;
  day: string;
  sources: string[];
  drop: { user_id: string; generation: number }[];
}

/** Files that go, as retention wants. */
interface RemovePlan {
  kind: "remove";
  sources: string[];
}

export type Plan = MovePlan | ReplacePlan | RemovePlan;

/**
 * A piece of the archive's work. Each state is on disk before the next step begins, and each step can be repeated:
 *
 * - "planned": nothing is sure to be in R2 yet.
 * - "written": the target is in R2, or there is none where no row was left.
 * - "listed": the manifest tells of it. What it has taken the place of can go: rows in D1, or other files.
 */
export interface Job {
  number: number;
  state: "planned" | "written" | "listed";
  plan: Plan;
  object: ArchivedObject | null;
}

/** The archiver's unfinished work on its own disk: one job at a time. */
export class JobStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** The job that a crash has left; undefined where there is none. */
  unfinished(): Job | undefined {
    return this.#storage.kv.get<Job>("job");
  }

  /** Plans a job. The number of a chunk is never given out twice. */
  plan(plan: (chunk: number) => Plan): Job {
    const number = this.nextChunk();
    const job: Job = { number, state: "planned", plan: plan(number), object: null };
    this.#storage.transactionSync(() => {
      this.#storage.kv.put("next_chunk", number + 1);
      this.#storage.kv.put("job", job);
    });
    return job;
  }

  /** Chunks are numbered from 1. */
  nextChunk(): number {
    return this.#storage.kv.get<number>("next_chunk") ?? 1;
  }

  /** Where the archiver's own disk was lost, numbers go on after those that are in use. */
  skipTo(chunk: number): void {
    if (chunk > this.nextChunk()) this.#storage.kv.put("next_chunk", chunk);
  }

  save(job: Job): void {
    this.#storage.kv.put("job", job);
  }

  finish(): void {
    this.#storage.kv.delete("job");
  }
}
