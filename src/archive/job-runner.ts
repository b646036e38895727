import { MAX_LATE_WRITE_MS } from "../limits.ts";
import { advanceJob, type Stores } from "./advance-job.ts";
import type { Job, JobStore, Plan } from "./job.ts";
import { type ArchivedObject, type Manifest, readManifest, rebuildManifest } from "./manifest.ts";
import { objectName, parseObjectName } from "./object-name.ts";
import type { NewFilePlan } from "./plan.ts";

/** Does jobs, one after the other. All methods reject with what R2, D1 or the object's own storage throws. */
export class JobRunner {
  readonly stores: Stores;
  readonly #jobs: JobStore;

  constructor(jobs: JobStore, stores: Stores) {
    this.#jobs = jobs;
    this.stores = stores;
  }

  /**
   * Call it before anything new is started. It makes a lost manifest again, finishes the job that a crash has left, and
   * deletes files that appeared late, after their write had timed out.
   *
   * @returns the file that rows from D1 were moved to; null if there was none
   */
  async recover(): Promise<ArchivedObject | null> {
    await this.#ensureManifest();
    const moved = await this.#finishJob();
    await this.#removeLateFiles();
    return moved;
  }

  async #finishJob(): Promise<ArchivedObject | null> {
    const job = this.#jobs.unfinished();
    if (!job) return null;
    const { plan, state } = job;
    if (state === "planned" && plan.kind !== "remove") this.#noteLateFile(plan.target);
    const object = await this.#carryOut(job);
    return plan.kind === "move" ? object : null;
  }

  async manifest(): Promise<Manifest> {
    return (await readManifest(this.stores.bucket, this.stores.name)).manifest;
  }

  /** Does a job, and returns the file that was written; null if there is none. */
  async do(plan: Plan | NewFilePlan): Promise<ArchivedObject | null> {
    const named = (chunk: number): Plan =>
      plan.kind === "remove" || "target" in plan
        ? plan
        : { ...plan, target: objectName({ day: plan.day, database: this.stores.name, chunk, revision: 0 }) };
    return this.#carryOut(this.#jobs.plan(named, Date.now()));
  }

  async #carryOut(unfinished: Job): Promise<ArchivedObject | null> {
    let job = unfinished;
    for (;;) {
      const next = await advanceJob(this.stores, job, this.#jobs.manifestVersion() ?? 0);
      if (!next) {
        this.#jobs.finish(job);
        return job.object;
      }
      job = next;
      this.#jobs.save(job);
    }
  }

  /**
   * Makes the manifest again if it is missing or older than one that was seen before, because it would hide files. Does
   * the same if this object's storage is new, because a lost job may have left files that are not listed.
   */
  async #ensureManifest(): Promise<void> {
    const { bucket, name } = this.stores;
    const known = this.#jobs.manifestVersion();
    const { version } = await this.manifest();
    if (known !== undefined && version >= known) return this.#jobs.sawManifest(version);
    const made = await rebuildManifest(bucket, name, known ?? 0);
    const chunks = made.objects.map((object) => parseObjectName(object.name)?.chunk ?? 0);
    this.#jobs.madeManifest(made.version, Math.max(0, ...chunks));
  }

  /** Notes a file whose write timed out. The write may still take effect, even after another file has replaced it. */
  #noteLateFile(name: string): void {
    const others = this.#jobs.lateFiles().filter((file) => file.name !== name);
    this.#jobs.saveLateFiles([...others, { name, since: Date.now() }]);
  }

  async #removeLateFiles(): Promise<void> {
    const files = this.#jobs.lateFiles();
    if (files.length === 0) return;
    const listed = new Set((await this.manifest()).objects.map(({ name }) => name));
    await this.stores.bucket.remove(files.map(({ name }) => name).filter((name) => !listed.has(name)));
    const now = Date.now();
    this.#jobs.saveLateFiles(files.filter(({ since }) => now - since < MAX_LATE_WRITE_MS));
  }
}
