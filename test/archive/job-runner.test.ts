import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { readManifest } from "../../src/archive/manifest.ts";
import { MAX_LATE_WRITE_MS } from "../../src/limits.ts";
import { bucket, DAY, emptyBucket, listedUsers, nameOf, putFile, r2, withRunner } from "./archived-files.ts";

beforeEach(emptyBucket);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const replace = (sources: string[], target?: string) => ({
  kind: "replace" as const,
  day: DAY,
  sources,
  drop: [],
  ...(target !== undefined && { target }),
});

describe("the archive's jobs", () => {
  it("have numbers past those of all files, also on a new disk", async ({ expect }) => {
    await putFile(7, [{ user_id: "ann", seq: 1 }]);
    await putFile(3, [{ user_id: "ann", seq: 2 }]);
    await withRunner(async (runner, jobs) => {
      expect(await runner.recover()).toBeNull();
      const written = await runner.do(replace([nameOf(3), nameOf(7)]));
      expect(written).toMatchObject({ name: nameOf(8), day: DAY, rows: 2, text_bytes: 8 });
      expect(jobs.manifestVersion()).toBe((await runner.manifest()).version);
    });
    expect(await listedUsers()).toEqual({ [nameOf(8)]: ["ann", "ann"] });
  });

  it("keep each event in its latest revision, in whatever order its files come", async ({ expect }) => {
    await putFile(1, [
      { user_id: "ann", revision: 2 },
      { user_id: "bob", revision: 1 },
    ]);
    await putFile(2, [
      { user_id: "ann", revision: 1 },
      { user_id: "bob", revision: 3 },
    ]);
    await withRunner(async (runner) => {
      await runner.recover();
      expect(await runner.do(replace([nameOf(1), nameOf(2)]))).toMatchObject({ rows: 2 });
    });
    expect(Object.values(await listedUsers())).toEqual([["ann", "bob"]]);
  });

  it("are finished after a crash; what their first write brings later is removed, for a while", async ({ expect }) => {
    await putFile(1, [{ user_id: "ann" }]);
    await withRunner(async (runner, jobs) => {
      await runner.recover();
      jobs.plan(() => ({ ...replace([nameOf(1)]), target: nameOf(1, 1) }), Date.now());
      expect(await runner.recover()).toBeNull();
      expect(jobs.unfinished()).toBeUndefined();
      expect(await listedUsers()).toEqual({ [nameOf(1, 1)]: ["ann"] });
      expect(jobs.lateFiles()).toEqual([{ name: nameOf(1, 1), since: expect.any(Number) as number }]);
      await runner.do(replace([nameOf(1, 1)], nameOf(1, 2)));
      await r2.put(nameOf(1, 1), "late");
      await runner.recover();
      expect(await r2.head(nameOf(1, 1))).toBeNull();
      expect(jobs.lateFiles()).toHaveLength(1);
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + MAX_LATE_WRITE_MS });
      await runner.recover();
      expect(jobs.lateFiles()).toEqual([]);
    });
    expect(await listedUsers()).toEqual({ [nameOf(1, 2)]: ["ann"] });
  });

  it("make a manifest anew that is older than one that was seen, and leave a good one alone", async ({ expect }) => {
    await putFile(1, [{ user_id: "ann" }]);
    const manifest = "events/v1/manifest/DB.json";
    const older = await (await r2.get(manifest))!.text();
    await putFile(2, [{ user_id: "bob" }]);
    await withRunner(async (runner) => {
      await runner.recover();
      const { etag } = (await r2.head(manifest))!;
      await runner.recover();
      expect((await r2.head(manifest))!.etag).toBe(etag);
      await r2.put(manifest, older);
      await runner.recover();
    });
    expect(await listedUsers()).toEqual({ [nameOf(1)]: ["ann"], [nameOf(2)]: ["bob"] });
    expect((await readManifest(bucket, "DB")).manifest.version).toBe(4);
  });

  it("fail where a file was neither written nor is there, and are done again", async ({ expect }) => {
    await putFile(1, [{ user_id: "ann" }]);
    await withRunner(async (runner) => {
      await runner.recover();
      vi.spyOn(r2, "put").mockResolvedValueOnce(null as unknown as R2Object);
      await expect(runner.do(replace([nameOf(1)]))).rejects.toThrow("was not written and does not exist");
      await runner.recover();
    });
    expect(await listedUsers()).toEqual({ [nameOf(2)]: ["ann"] });
  });
});
