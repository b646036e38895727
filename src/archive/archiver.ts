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
  /** Files that were written with rows from D1. */
  files: number;
  rows: number;
  bytes: number;
  /** Files that retention or a compaction has removed. */
  removed: number;
  /** Whether there is more to do; the alarm goes on with it. */
  more: boolean;
}

type ArchiveRun = { ok: true; report: ArchiveReport } | { ok: false; error: string };

/** How the archiver is. `manifestVersion` is that of the manifest that it saw last; null before it saw one. */
export interface ArchiverStatus extends Progress {
  job: { kind: Job["plan"]["kind"]; state: Job["state"]; plannedAt: number } | null;
  manifestVersion: number | null;
}

/**
 * Moves what is old out of one D1 database into Parquet files in R2, addressed by the database's binding. Everything
 * happens one after another, and what a crash has left is finished first: so no file appears behind the back of an
 * erasure.
 */
export class Archiver extends DurableObject<Env> {
  readonly #jobs = new JobStore(this.ctx.storage);
  #last: Promise<void> = Promise.resolve();

  /**
   * Archives what is old enough, for at most ARCHIVE_RUN_MS; the alarm goes on with the rest. Null where no archive is
   * bound. Never throws: what cannot be archived now is archived later.
   */
  async run(): Promise<ArchiveRun | null> {
    const stores = this.#stores();
    if (!stores) return null;
    try {
      const report = await this.#inTurn(() => this.#archive(stores));
      if (report.more) await this.ctx.storage.setAlarm(Date.now());
      return { ok: true, report };
    } catch (error) {
      // The cron comes sooner; this is for a deployment that has none.
      await this.ctx.storage.setAlarm(Date.now() + MAX_LASTING_DELAY_MS);
      logFailure("archive_failed", error, { database: this.#name });
      return { ok: false, error: String(error) };
    }
  }

  /**
   * Takes an erased log out of the files of some days. Repeating it changes nothing.
   *
   * @param days as YYYY-MM-DD
   * @returns how many files were written anew, and the days that are left: with those it is to be called again
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
   * Removes from D1 what a rebuild has brought back although the archive has it.
   *
   * @param after the name of the file that was handled last; null for the beginning
   * @returns where to go on; null where that was all
   */
  async removeArchivedFromD1(after: string | null): Promise<string | null> {
    const stores = this.#stores();
    if (!stores) return null;
    return this.#inTurn(async () => {
      await new JobRunner(this.#jobs, stores).recover();
      return removeArchivedRows(stores, after, new Budget());
    });
  }

  /** How far the archive is. Reads two rows, and waits for no run. */
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
      // Only what is counted may leave, and whoever runs the archive by hand has not waited for the cron.
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

  /** @param left what is still to be moved lies before this; null where that is not known */
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

  /** Puts each day's small files into one. Returns whether there is more to do. */
  async #compact(runner: JobRunner, budget: Budget, report: ArchiveReport): Promise<boolean> {
    for (;;) {
      const plan = planCompaction(await runner.manifest());
      if (!plan) return false;
      if (!budget.takeFile()) return true;
      await runner.do(plan);
      report.removed += plan.sources.length;
    }
  }

  /** Removes whole days that retention no longer keeps. Returns how many files that were. */
  async #removeExpired(runner: JobRunner, firstDay: string): Promise<number> {
    if (firstDay === "") return 0;
    const plan = planRemoval(await runner.manifest(), firstDay);
    if (!plan) return 0;
    await runner.do(plan);
    return plan.sources.length;
  }

  /** One thing after another, whatever became of the one before. */
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
