import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { JobStore, type Plan } from "../../src/archive/job.ts";
import type { ArchivedObject } from "../../src/archive/manifest.ts";

/** Does something with the jobs of an archiver that has never run. */
function onDisk(test: (jobs: JobStore) => void): Promise<void> {
  return runInDurableObject(env.ARCHIVER.getByName(crypto.randomUUID()), (_, { storage }) =>
    test(new JobStore(storage)),
  );
}

function move(chunk: number): Plan {
  const [from, to] = [[0, 1, 0, "a"] as const, [1, 1, 1, "a"] as const];
  return { kind: "move", target: `${chunk}`, day: "2024-01-02", from: [...from], to: [...to], writtenBefore: 1 };
}

const OBJECT: ArchivedObject = { name: "1", day: "2024-01-02", rows: 3, bytes: 40, text_bytes: 12, etag: "e" };

describe("the archiver's disk", () => {
  it("numbers its chunks from 1, and gives none out twice", async ({ expect }) => {
    await onDisk((jobs) => {
      expect(jobs.unfinished()).toBeUndefined();
      const first = jobs.plan(move, 5);
      expect(first).toMatchObject({ number: 1, plannedAt: 5, state: "planned", plan: { target: "1" }, object: null });
      expect(jobs.unfinished()).toEqual(first);
      jobs.finish(first);
      expect(jobs.unfinished()).toBeUndefined();
      expect(jobs.plan(move, 6).number).toBe(2);
    });
  });

  it.for([
    [0, 1],
    [1, 2],
    [7, 8],
  ] as const)("numbers them past %i, which a manifest has that was made anew", async ([last, next], { expect }) => {
    await onDisk((jobs) => {
      jobs.madeManifest(3, last);
      expect(jobs.manifestVersion()).toBe(3);
      expect(jobs.plan(move, 5).number).toBe(next);
      jobs.madeManifest(4, 0);
      expect(jobs.plan(move, 5).number).toBe(next + 1);
    });
  });

  it("keeps each state of a job, and the manifest's version with the one that is listed", async ({ expect }) => {
    await onDisk((jobs) => {
      const planned = jobs.plan(move, 5);
      jobs.save({ ...planned, state: "written", object: OBJECT });
      expect(jobs.unfinished()).toMatchObject({ state: "written", object: OBJECT });
      expect(jobs.manifestVersion()).toBeUndefined();
      jobs.save({ ...planned, state: "listed", object: OBJECT, manifestVersion: 9 });
      expect(jobs.unfinished()).toMatchObject({ state: "listed" });
      expect(jobs.manifestVersion()).toBe(9);
    });
  });

  it("lists again what the job has listed in a manifest that was lost, and nothing else", async ({ expect }) => {
    await onDisk((jobs) => {
      const planned = jobs.plan(move, 5);
      jobs.madeManifest(2, 0);
      expect(jobs.unfinished()).toEqual(planned);
      jobs.save({ ...planned, state: "listed", object: OBJECT, manifestVersion: 3 });
      jobs.madeManifest(4, 1);
      expect(jobs.unfinished()).toMatchObject({ state: "written", object: OBJECT, manifestVersion: null });
      expect(jobs.manifestVersion()).toBe(4);
    });
  });

  it("counts what was moved, and not what was merely written anew", async ({ expect }) => {
    await onDisk((jobs) => {
      jobs.saveProgress({ ...jobs.progress(), lastRunAt: 7 });
      for (let i = 0; i < 2; i++) jobs.finish({ ...jobs.plan(move, 5), object: OBJECT });
      jobs.finish(jobs.plan(move, 5)); // no row was left
      const replace: Plan = { kind: "replace", target: "2", day: "2024-01-02", sources: ["1"], drop: [] };
      jobs.finish({ ...jobs.plan(() => replace, 5), object: OBJECT });
      expect(jobs.progress()).toMatchObject({ moved: { files: 2, rows: 6, bytes: 80 }, lastRunAt: 7 });
      expect(jobs.unfinished()).toBeUndefined();
    });
  });

  it("keeps the files that may appear late, until there are none", async ({ expect }) => {
    await onDisk((jobs) => {
      expect(jobs.lateFiles()).toEqual([]);
      jobs.saveLateFiles([{ name: "1", since: 5 }]);
      expect(jobs.lateFiles()).toEqual([{ name: "1", since: 5 }]);
      jobs.saveLateFiles([]);
      expect(jobs.lateFiles()).toEqual([]);
    });
  });
});
