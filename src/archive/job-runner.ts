import { MAX_LATE_WRITE_MS } from "../limits.ts";
import { advanceJob, type Stores } from "./advance-job.ts";
import type { Job, JobStore, Plan } from "./job.ts";
import { type ArchivedObject, type Manifest, readManifest, rebuildManifest } from "./manifest.ts";
import { objectName, parseObjectName } from "./object-name.ts";
import type { NewFilePlan } from "./plan.ts";

/** Carries out jobs, one after the other. Everything rejects with what R2, D1 or the object's own storage throws. */
export class JobRunner {
  readonly stores: Stores;
  readonly #jobs: JobStore;

  constructor(jobs: JobStore, stores: Stores) {
    this.#jobs = jobs;
    this.stores = stores;
  }

  /**
   * To be called before anything new is begun: a lost manifest is made anew, what a crash has left is finished, and
   * files are removed that a write has brought about which nobody waited for any more.
   *
   * @returns the file to which rows from D1 were moved thereby; null where none was
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

  /** Returns the file that was written; null where there is none. */
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
   * A manifest that is gone, or older than one that was seen before, would hide files. A new disk makes it anew as well,
   * since files may be there that a lost job has not listed any more.
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

  /** The write of a job that was broken off may still take effect, even after the file has been replaced by another. */
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
