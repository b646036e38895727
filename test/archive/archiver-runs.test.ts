import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { Budget } from "../../src/archive/budget.ts";
import { emptyD1, insertInto } from "../d1/events-in-d1.ts";
import { emptyBucket, r2 } from "./archived-files.ts";

env.D1_DAYS = "30";
const OLD = Date.UTC(2024, 0, 2);

beforeEach(() => Promise.all([emptyBucket(), emptyD1(env.DB)]));
afterEach(() => {
  vi.restoreAllMocks();
});

function archiver() {
  return env.ARCHIVER.getByName("DB");
}

function alarm(): Promise<number | null> {
  return runInDurableObject(archiver(), (_, { storage }) => storage.getAlarm());
}

async function oldRows(...seqs: number[]): Promise<void> {
  await insertInto(env.DB, ...seqs.map((seq) => ({ seq, timestamp: OLD })));
  await env.DB.prepare("UPDATE events SET written_at = 0").run();
}

describe("a run of the archiver", () => {
  it("leaves the rest to its alarm where its budget is used up, and says what waits", async ({ expect }) => {
    const before = await archiver().status();
    await oldRows(1, 2);
    const take = vi.spyOn(Budget.prototype, "takeFile").mockReturnValue(false);
    expect(await archiver().run()).toMatchObject({ ok: true, report: { files: 0, more: true } });
    expect(await archiver().status()).toMatchObject({
      lastSuccessAt: before.lastSuccessAt,
      waiting: { rows: 2, days: 1 },
    });
    expect(await alarm()).not.toBeNull();
    take.mockRestore();
    await runInDurableObject(archiver(), (_, { storage }) => storage.deleteAlarm());
    expect(await archiver().run()).toMatchObject({ ok: true, report: { files: 1, rows: 2, more: false } });
    const status = await archiver().status();
    expect(status).toMatchObject({ waiting: { rows: 0, days: 0 }, lastError: null });
    expect(status.moved).toMatchObject({ files: before.moved.files + 1, rows: before.moved.rows + 2 });
    expect(status.lastSuccessAt).toBe(status.lastRunAt);
    expect(await alarm()).toBeNull();
  });

  it("writes as many files as its budget allows", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1, timestamp: OLD }, { seq: 2, timestamp: OLD + 86_400_000 });
    await env.DB.prepare("UPDATE events SET written_at = 0").run();
    vi.spyOn(Budget.prototype, "takeFile").mockReturnValueOnce(true).mockReturnValue(false);
    expect(await archiver().run()).toMatchObject({ report: { files: 1, more: true } });
    vi.restoreAllMocks();
    expect(await archiver().run()).toMatchObject({ report: { files: 1, more: false } });
  });

  it("is none where no bucket is bound: there is nothing to do, nor to forget", async ({ expect }) => {
    delete (env as unknown as { ARCHIVE?: R2Bucket }).ARCHIVE;
    try {
      expect(await archiver().run()).toBeNull();
      expect(await archiver().removeArchivedFromD1(null)).toBeNull();
      expect(await archiver().erase("ann", 1, ["2024-01-02"])).toEqual({ files: 0, left: [] });
    } finally {
      Object.assign(env, { ARCHIVE: r2 });
    }
  });
});
