import type { RowKey } from "../d1/event-row.ts";
import type { ArchivedObject } from "./manifest.ts";

/** Moves rows of one day from D1 into a file. The plan is stored before anything is written, and does not change. */
export interface MovePlan {
  kind: "move";
  target: string;
  day: string;
  /** The rows after `from`, up to and including `to`, … */
  from: RowKey;
  to: RowKey;
  /** … that were written to D1 before this time, in epoch milliseconds. */
  writtenBefore: number;
}

/** Replaces files by one file: without the rows of erased logs, or to merge several small files. */
export interface ReplacePlan {
  kind: "replace";
  target: string;
  day: string;
  sources: string[];
  drop: { user_id: string; generation: number }[];
}

/** Deletes files that have expired. */
interface RemovePlan {
  kind: "remove";
  sources: string[];
}

export type Plan = MovePlan | ReplacePlan | RemovePlan;

/**
 * One piece of the archive's work. Each state is on disk before the next step begins, and each step can be repeated:
 *
 * - "planned": it is not known whether anything is in R2 yet.
 * - "written": the target is in R2, or there is none because no rows were left.
 * - "listed": the manifest lists it. What it replaces can be deleted, which is rows in D1 or other files.
 */
export interface Job {
  number: number;
  /** Epoch milliseconds. */
  plannedAt: number;
  state: "planned" | "written" | "listed";
  plan: Plan;
  object: ArchivedObject | null;
  /** The version of the manifest that lists the result; null until then. */
  manifestVersion: number | null;
}

/** A file that may still appear because a write of it timed out. */
interface LateFile {
  name: string;
  /** When the file was noted, in epoch milliseconds. */
  since: number;
}

/** How much the archiver has moved in total. */
interface Moved {
  files: number;
  rows: number;
  bytes: number;
}

/** How far the archive is. Times are in epoch milliseconds, or null for never. */
export interface Progress {
  moved: Moved;
  lastRunAt: number | null;
  /** When a run last left nothing to be moved. */
  lastSuccessAt: number | null;
  /** Why the last run failed; null if it did not. */
  lastError: string | null;
  /** What the last run left to be moved, counted up to MAX_COUNTED_WAITING_ROWS; null if it could not be counted. */
  waiting: Waiting | null;
}

/** How many rows are old enough to be moved, and of how many days. */
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

/** The archiver's own storage: its unfinished job, of which there is at most one, and what is kept after a job. */
export class JobStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** The job that a crash has left; undefined if there is none. */
  unfinished(): Job | undefined {
    return this.#storage.kv.get<Job>("job");
  }

  /** Stores a new job. The number of a chunk is never used twice. */
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

  /** The version of the manifest that was seen last; undefined if none was. */
  manifestVersion(): number | undefined {
    return this.#storage.kv.get<number>("manifest_version");
  }

  sawManifest(version: number): void {
    if (this.manifestVersion() !== version) this.#storage.kv.put("manifest_version", version);
  }

  /**
   * Notes that the manifest was made again. New chunks get higher numbers than those in it, because this storage may be
   * new. If the unfinished job was listed already, it is listed again.
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
