import type { RowKey } from "../d1/event-row.ts";
import type { ArchivedObject } from "./manifest.ts";

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
  /** Epoch milliseconds. */
  plannedAt: number;
  state: "planned" | "written" | "listed";
  plan: Plan;
  object: ArchivedObject | null;
  /** The version of the manifest that has the outcome; null before it is listed. */
  manifestVersion: number | null;
}

/** A file that may appear although nobody waits for it any more: a write of it was not answered. */
interface LateFile {
  name: string;
  /** When it was begun again or given up, in epoch milliseconds. */
  since: number;
}

/** What the archiver has moved in all its life. */
interface Moved {
  files: number;
  rows: number;
  bytes: number;
}

/** How far the archive is. Times are in epoch milliseconds, null for never. */
export interface Progress {
  moved: Moved;
  lastRunAt: number | null;
  /** The last run that left nothing to be moved. */
  lastSuccessAt: number | null;
  /** Why the last run broke off; null where it did not. */
  lastError: string | null;
  /** What the last run left to be moved, counted up to MAX_COUNTED_WAITING_ROWS; null where that could not be counted. */
  waiting: Waiting | null;
}

/** Rows that are old enough to be moved, and the number of their days. */
export interface Waiting {
  rows: number;
  days: number;
}

const NOTHING_YET: Progress = {
  moved: { files: 0, rows: 0, bytes: 0 },
  lastRunAt: null,
  lastSuccessAt: null,
  lastError: null,
  waiting: { rows: 0, days: 0 },
};

/** What the archiver has on its own disk: its unfinished job, one at a time, and what outlasts a job. */
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
  plan(plan: (chunk: number) => Plan, now: number): Job {
    const number = this.#nextChunk();
    const job: Job = {
      number,
      plannedAt: now,
      state: "planned",
      plan: plan(number),
      object: null,
      manifestVersion: null,
    };
    this.#storage.transactionSync(() => {
      this.#storage.kv.put("next_chunk", number + 1);
      this.#storage.kv.put("job", job);
    });
    return job;
  }

  /** Chunks are numbered from 1. */
  #nextChunk(): number {
    return this.#storage.kv.get<number>("next_chunk") ?? 1;
  }

  save(job: Job): void {
    this.#storage.transactionSync(() => {
      this.#storage.kv.put("job", job);
      if (job.manifestVersion !== null) this.sawManifest(job.manifestVersion);
    });
  }

  finish({ plan, object }: Job): void {
    this.#storage.transactionSync(() => {
      this.#storage.kv.delete("job");
      if (plan.kind !== "move" || !object) return;
      const { moved, ...progress } = this.progress();
      const { files, rows, bytes } = moved;
      this.saveProgress({
        ...progress,
        moved: { files: files + 1, rows: rows + object.rows, bytes: bytes + object.bytes },
      });
    });
  }

  /** The version of the manifest that was seen last; undefined where none was. */
  manifestVersion(): number | undefined {
    return this.#storage.kv.get<number>("manifest_version");
  }

  sawManifest(version: number): void {
    if (this.manifestVersion() !== version) this.#storage.kv.put("manifest_version", version);
  }

  /**
   * Notes a manifest that was made anew. Chunks are numbered past those that it has, should this disk be new. What the
   * unfinished job has listed is listed again.
   */
  madeManifest(version: number, lastChunk: number): void {
    this.#storage.transactionSync(() => {
      this.sawManifest(version);
      if (lastChunk >= this.#nextChunk()) this.#storage.kv.put("next_chunk", lastChunk + 1);
      const job = this.unfinished();
      if (job?.state === "listed") this.save({ ...job, state: "written", manifestVersion: null });
    });
  }

  lateFiles(): LateFile[] {
    return this.#storage.kv.get<LateFile[]>("late_files") ?? [];
  }

  saveLateFiles(files: readonly LateFile[]): void {
    if (files.length > 0) this.#storage.kv.put("late_files", files);
    else this.#storage.kv.delete("late_files");
  }

  progress(): Progress {
    return this.#storage.kv.get<Progress>("progress") ?? NOTHING_YET;
  }

  saveProgress(progress: Progress): void {
    this.#storage.kv.put("progress", progress);
  }
}
