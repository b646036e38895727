import { DurableObject } from "cloudflare:workers";
import { databaseNamed } from "../d1/databases.ts";
import type { RowKey } from "../d1/event-row.ts";
import { DAY_MS } from "../d1/hour.ts";
import { ARCHIVE_CHUNK_BYTES, ARCHIVE_CHUNK_ROWS, ARCHIVE_RUN_MS, MAX_LASTING_DELAY_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { advanceJob, type Stores } from "./advance-job.ts";
import { expiredBefore, horizonOf } from "./archive-horizon.ts";
import { archiveBucket, fileOf } from "./bucket.ts";
import { endOfChunk, firstHotRow, type Horizon, removeHotRows, removeOldFeed } from "./hot-rows.ts";
import { type Job, JobStore, type Plan } from "./job.ts";
import { type ArchivedObject, type Manifest, readManifest, rebuildManifest } from "./manifest.ts";
import { chunkOfObject, objectName, revisionOfObject } from "./object-name.ts";
import { readParquet } from "./parquet-file.ts";

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
      const report = await this.#inTurn(() => this.#archive(stores, Date.now() + ARCHIVE_RUN_MS));
      if (report.more) await this.ctx.storage.setAlarm(Date.now());
      return { ok: true, report };
    } catch (error) {
      await this.ctx.storage.setAlarm(Date.now() + MAX_LASTING_DELAY_MS);
      logFailure("archive_failed", error, { database: this.#name });
      return { ok: false, error: String(error) };
    }
  }

  /**
   * Takes an erased log out of the files of some days. Repeating it changes nothing.
   *
   * @param days as YYYY-MM-DD
   * @returns how many files were written anew, and whether that was all: if not, it is to be called again
   */
  async erase(userId: string, generation: number, days: string[]): Promise<{ files: number; isWhole: boolean }> {
    const stores = this.#stores();
    if (!stores) return { files: 0, isWhole: true };
    return this.#inTurn(async () => {
      const until = Date.now() + ARCHIVE_RUN_MS;
      await this.#finishJob(stores);
      const wanted = new Set(days);
      const { manifest } = await readManifest(stores.bucket, stores.name);
      let files = 0;
      for (const object of manifest.objects.filter(({ day }) => wanted.has(day))) {
        if (Date.now() >= until) return { files, isWhole: false };
        if (!(await holdsLog(stores.bucket, object, userId, generation))) continue;
        const target = objectName(
          stores.name,
          object.day,
          chunkOfObject(object.name),
          revisionOfObject(object.name) + 1,
        );
        const drop = [{ user_id: userId, generation }];
        await this.#do(stores, { kind: "replace", target, day: object.day, sources: [object.name], drop });
        files++;
      }
      return { files, isWhole: true };
    });
  }

  /** Removes from D1 what a rebuild has brought back although the archive has it. Returns how many rows that were. */
  async removeArchivedFromD1(): Promise<number> {
    const stores = this.#stores();
    if (!stores) return 0;
    return this.#inTurn(async () => {
      const { manifest } = await readManifest(stores.bucket, stores.name);
      let removed = 0;
      for (const { name, bytes } of manifest.objects) {
        const columns = ["timestamp", "generation", "seq", "user_id", "revision"] as const;
        removed += await removeHotRows(
          stores.database,
          await readParquet(fileOf(stores.bucket, name, bytes), { columns }),
        );
      }
      return removed;
    });
  }

  /** Makes a lost manifest anew from the files. Null where no archive is bound. */
  async rebuildManifest(): Promise<Manifest | null> {
    const stores = this.#stores();
    if (!stores) return null;
    return this.#inTurn(async () => {
      const manifest = await rebuildManifest(stores.bucket, stores.name);
      this.#jobs.skipTo(1 + Math.max(0, ...manifest.objects.map(({ name }) => chunkOfObject(name))));
      return manifest;
    });
  }

  override async alarm(): Promise<void> {
    await this.run();
  }

  async #archive(stores: Stores, until: number): Promise<ArchiveReport> {
    const report: ArchiveReport = { files: 0, rows: 0, bytes: 0, removed: 0, more: false };
    await this.#finishJob(stores);
    report.removed += await this.#removeExpired(stores, expiredBefore(this.env, Date.now()));
    const horizon = await horizonOf(this.env, stores.database, Date.now());
    if (!horizon) return report;
    const days = new Set<string>();
    for (;;) {
      if (Date.now() >= until) return { ...report, more: true };
      const plan = await planMove(stores, horizon);
      if (!plan) break;
      const object = await this.#do(stores, (chunk) => ({
        kind: "move",
        target: objectName(stores.name, plan.day, chunk, 0),
        ...plan,
      }));
      days.add(plan.day);
      if (!object) continue;
      report.files++;
      report.rows += object.rows;
      report.bytes += object.bytes;
    }
    await removeOldFeed(stores.database, horizon.writtenBefore);
    for (const day of days) report.removed += await this.#compact(stores, day);
    return report;
  }

  /** Puts a day's small files into one. */
  async #compact(stores: Stores, day: string): Promise<number> {
    const { manifest } = await readManifest(stores.bucket, stores.name);
    const sources: ArchivedObject[] = [];
    let [rows, bytes] = [0, 0];
    for (const object of manifest.objects.filter((one) => one.day === day).sort((a, b) => a.rows - b.rows)) {
      rows += object.rows;
      bytes += object.bytes;
      if (rows > ARCHIVE_CHUNK_ROWS || bytes > ARCHIVE_CHUNK_BYTES) break;
      sources.push(object);
    }
    if (sources.length < 2) return 0;
    await this.#do(stores, (chunk) => ({
      kind: "replace",
      target: objectName(stores.name, day, chunk, 0),
      day,
      sources: sources.map(({ name }) => name),
      drop: [],
    }));
    return sources.length;
  }

  /** Removes whole days that retention no longer keeps. */
  async #removeExpired(stores: Stores, firstDay: string): Promise<number> {
    if (firstDay === "") return 0;
    const { manifest } = await readManifest(stores.bucket, stores.name);
    const sources = manifest.objects.filter(({ day }) => day < firstDay).map(({ name }) => name);
    if (sources.length > 0) await this.#do(stores, { kind: "remove", sources });
    return sources.length;
  }

  async #finishJob(stores: Stores): Promise<void> {
    const job = this.#jobs.unfinished();
    if (job) await this.#carryOut(stores, job);
  }

  async #do(stores: Stores, plan: Plan | ((chunk: number) => Plan)): Promise<ArchivedObject | null> {
    return this.#carryOut(stores, this.#jobs.plan(typeof plan === "function" ? plan : () => plan));
  }

  async #carryOut(stores: Stores, planned: Job): Promise<ArchivedObject | null> {
    let object: ArchivedObject | null = null;
    for (let job: Job | null = planned; job;) {
      job = await advanceJob(stores, job);
      if (!job) break;
      object = job.object;
      this.#jobs.save(job);
    }
    this.#jobs.finish();
    return object;
  }

  /** One thing after another, whatever became of the one before. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const next = this.#last.then(run);
    this.#last = next.catch(() => {}).then(() => undefined);
    return next;
  }

  #stores(): Stores | undefined {
    const bucket = archiveBucket(this.env);
    return bucket && { bucket, database: databaseNamed(this.env, this.#name), name: this.#name };
  }

  get #name(): string {
    const { name } = this.ctx.id;
    if (name === undefined) throw new Error("Archiver must be addressed by name: the name is the database's binding");
    return name;
  }
}

/** The next rows to move: of one day, from its first one on. */
async function planMove({ database }: Stores, horizon: Horizon) {
  const first = await firstHotRow(database, horizon);
  if (!first) return null;
  const dayStart = Math.floor(first[0] / DAY_MS) * DAY_MS;
  const from: RowKey = [first[0], first[1], first[2] - 1, first[3]];
  const to = await endOfChunk(database, from, Math.min(dayStart + DAY_MS, horizon.cutoff), horizon);
  if (!to) return null;
  const day = new Date(dayStart).toISOString().slice(0, "YYYY-MM-DD".length);
  return { day, from, to, writtenBefore: horizon.writtenBefore };
}

async function holdsLog(
  bucket: R2Bucket,
  object: ArchivedObject,
  userId: string,
  generation: number,
): Promise<boolean> {
  const file = fileOf(bucket, object.name, object.bytes);
  const rows = await readParquet(file, { columns: ["generation"], userId });
  return rows.some((row) => row.generation === generation);
}
