import { DurableObject } from "cloudflare:workers";
import { databaseNamed } from "../d1/databases.ts";
import { MAX_LASTING_DELAY_MS, MAX_ROLLUP_STATEMENTS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { settingsOf } from "../settings.ts";
import { rollUpDatabase } from "../stats/roll-up.ts";
import type { Stores } from "./advance-job.ts";
import { expiredBefore, horizonOf } from "./archive-horizon.ts";
import { archiveBucket, Bucket } from "./bucket.ts";
import { Budget } from "./budget.ts";
import { eraseFromFiles } from "./erase-from-files.ts";
import { countWaiting, type Horizon } from "./hot-rows.ts";
import { JobRunner } from "./job-runner.ts";
import { type Job, JobStore, type Progress } from "./job.ts";
import type { ArchivedObject } from "./manifest.ts";
import { planCompaction, planMove, planRemoval } from "./plan.ts";
import { removeArchivedRows } from "./remove-archived-rows.ts";

/** What a run has done. */
interface ArchiveReport {
  /** How many files were written with rows from D1. */
  files: number;
  rows: number;
  bytes: number;
  /** How many files were removed because they have expired or were compacted. */
  removed: number;
  /** Whether there is more to do; the alarm does it. */
  more: boolean;
}

type ArchiveRun = { ok: true; report: ArchiveReport } | { ok: false; error: string };

/** How far an archiver is. `manifestVersion` is the version that it saw last, or null if it has not seen a manifest. */
export interface ArchiverStatus extends Progress {
  job: { kind: Job["plan"]["kind"]; state: Job["state"]; plannedAt: number } | null;
  manifestVersion: number | null;
}

/**
 * Moves old rows from one D1 database into Parquet files in R2. Addressed by the database's binding. Does one thing
 * after the other and finishes first what a crash has left, so that no file appears after an erasure has searched its
 * day.
 */
export class Archiver extends DurableObject<Env> {
  readonly #jobs = new JobStore(this.ctx.storage);
  #last: Promise<void> = Promise.resolve();

  /**
   * Archives rows that are old enough, for at most ARCHIVE_RUN_MS; the alarm continues with the rest. Null if no bucket
   * is bound. If something fails, it is tried again later, and the failure is returned. Rejects if the database is not
   * bound or storage sets no alarm.
   */
  async run(): Promise<ArchiveRun | null> {
    const stores = this.#stores();
    if (!stores) return null;
    try {
      const report = await this.#inTurn(() => this.#archive(stores));
      if (report.more) await this.ctx.storage.setAlarm(Date.now());
      return { ok: true, report };
    } catch (error) {
      // The cron usually comes sooner. This alarm is for a deployment without one.
      await this.ctx.storage.setAlarm(Date.now() + MAX_LASTING_DELAY_MS);
      logFailure("archive_failed", error, { database: this.#name });
      return { ok: false, error: String(error) };
    }
  }

  /**
   * Erases a log from the files of some days. Idempotent. Rejects with what R2 or D1 throws.
   *
   * @param days as YYYY-MM-DD
   * @returns how many files were rewritten, and the days that are left, for the next call
   */
  async erase(userId: string, generation: number, days: string[]): Promise<{ files: number; left: string[] }> {
    const stores = this.#stores();
    if (!stores) return { files: 0, left: [] };
    return this.#inTurn(async () => {
      const runner = new JobRunner(this.#jobs, stores);
      await runner.recover();
      return eraseFromFiles(runner, { user_id: userId, generation }, days, new Budget());
    });
  }

  /**
   * Removes rows from D1 that a rebuilding has brought back although the archive has them. Rejects with what R2 or D1
   * throws.
   *
   * @param after the name of the last file that was handled; null for the beginning
   * @returns the file to continue after; null at the end
   */
  async removeArchivedFromD1(after: string | null): Promise<string | null> {
    const stores = this.#stores();
    if (!stores) return null;
    return this.#inTurn(async () => {
      await new JobRunner(this.#jobs, stores).recover();
      return removeArchivedRows(stores, after, new Budget());
    });
  }

  /** How far the archive is. Reads three values, and does not wait for a run. */
  status(): ArchiverStatus {
    const job = this.#jobs.unfinished();
    return {
      ...this.#jobs.progress(),
      job: job ? { kind: job.plan.kind, state: job.state, plannedAt: job.plannedAt } : null,
      manifestVersion: this.#jobs.manifestVersion() ?? null,
    };
  }

  override async alarm(): Promise<void> {
    await this.run();
  }

  async #archive(stores: Stores): Promise<ArchiveReport> {
    const report: ArchiveReport = { files: 0, rows: 0, bytes: 0, removed: 0, more: false };
    let horizon: Horizon | null = null;
    try {
      const runner = new JobRunner(this.#jobs, stores);
      countMoved(report, await runner.recover());
      report.removed += await this.#removeExpired(runner, expiredBefore(this.env, Date.now()));
      const budget = new Budget();
      // Only counted rows may leave, and the cron may not have counted yet when somebody runs the archive by hand.
      const countingBudget = { statements: MAX_ROLLUP_STATEMENTS, until: budget.until };
      if (settingsOf(this.env).d1Days !== null) await rollUpDatabase(stores.database, countingBudget, Date.now);
      horizon = await horizonOf(this.env, stores.database, Date.now());
      if (!horizon) return report;
      report.more =
        (await this.#moveRows(runner, horizon, budget, report)) || (await this.#compact(runner, budget, report));
      await this.#noteRun(stores, report.more ? horizon : "done", null);
      return report;
    } catch (error) {
      await this.#noteRun(stores, horizon, String(error));
      throw error;
    }
  }

  /** @param left rows before this still have to be moved; null if it is not known */
  async #noteRun({ database }: Stores, left: Horizon | "done" | null, lastError: string | null): Promise<void> {
    const waiting =
      left === "done" ? { rows: 0, days: 0 } : left && (await countWaiting(database, left).catch(() => null));
    const { moved, lastSuccessAt } = this.#jobs.progress();
    const now = Date.now();
    const isSuccess = left === "done";
    this.#jobs.saveProgress({
      moved,
      lastRunAt: now,
      lastSuccessAt: isSuccess ? now : lastSuccessAt,
      lastError,
      waiting,
    });
  }

  /** Returns whether there is more to move. */
  async #moveRows(runner: JobRunner, horizon: Horizon, budget: Budget, report: ArchiveReport): Promise<boolean> {
    for (let after = null; ;) {
      if (!budget.takeFile()) return true;
      const plan = await planMove(runner.stores.database, after, horizon, budget.until);
      if (plan === "later") return true;
      if (!plan) return false;
      countMoved(report, await runner.do(plan));
      after = plan.to;
    }
  }

  /** Merges the small files of each day. Returns whether there is more to do. */
  async #compact(runner: JobRunner, budget: Budget, report: ArchiveReport): Promise<boolean> {
    for (;;) {
      const plan = planCompaction(await runner.manifest());
      if (!plan) return false;
      if (!budget.takeFile()) return true;
      await runner.do(plan);
      report.removed += plan.sources.length;
    }
  }

  /** Deletes the files of whole days that have expired. Returns how many. */
  async #removeExpired(runner: JobRunner, firstDay: string): Promise<number> {
    if (firstDay === "") return 0;
    const plan = planRemoval(await runner.manifest(), firstDay);
    if (!plan) return 0;
    await runner.do(plan);
    return plan.sources.length;
  }

  /** Runs one thing after another, even if the one before has failed. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#last.then(run);
    this.#last = next.catch(() => {}).then(() => undefined);
    return next;
  }

  #stores(): Stores | undefined {
    const bucket = archiveBucket(this.env);
    return bucket && { bucket: new Bucket(bucket), database: databaseNamed(this.env, this.#name), name: this.#name };
  }

  get #name(): string {
    const { name } = this.ctx.id;
    if (name === undefined) throw new Error("Archiver must be addressed by name: the name is the database's binding");
    return name;
  }
}

function countMoved(report: ArchiveReport, object: ArchivedObject | null): void {
  if (!object) return;
  report.files++;
  report.rows += object.rows;
  report.bytes += object.bytes;
}
