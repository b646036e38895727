import { env } from "cloudflare:workers";
import { beforeEach, describe, it } from "vitest";
import { Budget } from "../../src/archive/budget.ts";
import { removeArchivedRows } from "../../src/archive/remove-archived-rows.ts";
import { MAX_ARCHIVE_RUN_FILES } from "../../src/limits.ts";
import { emptyD1, insertInto } from "../d1/events-in-d1.ts";
import { bucket, emptyBucket, nameOf, putFile, r2 } from "./archived-files.ts";

const STORES = { bucket, database: env.DB, name: "DB" };

beforeEach(() => Promise.all([emptyBucket(), emptyD1(env.DB)]));

async function hotSeqs(): Promise<number[]> {
  const { results } = await env.DB.prepare("SELECT seq FROM events ORDER BY seq").all<{ seq: number }>();
  return results.map(({ seq }) => seq);
}

describe("what a rebuild has brought back", () => {
  it("leaves D1 again as far as files have it, file by file", async ({ expect }) => {
    for (const seq of [1, 2, 3]) await putFile(seq, [{ seq }]);
    await insertInto(env.DB, { seq: 1 }, { seq: 2, revision: 2 }, { seq: 3 }, { seq: 4 });
    const spent = new Budget();
    for (let i = 1; i < MAX_ARCHIVE_RUN_FILES; i++) spent.takeFile();
    expect(await removeArchivedRows(STORES, null, spent)).toBe(nameOf(1));
    expect(await hotSeqs()).toEqual([2, 3, 4]);
    expect(await removeArchivedRows(STORES, nameOf(1), spent)).toBe(nameOf(1));
    expect(await removeArchivedRows(STORES, nameOf(1), new Budget())).toBeNull();
    expect(await hotSeqs()).toEqual([2, 4]); // the file has an older revision of the first
  });

  it("stays where the file is gone or was handled before", async ({ expect }) => {
    await putFile(1, [{ seq: 1 }]);
    await r2.delete(await putFile(2, [{ seq: 2 }]));
    await insertInto(env.DB, { seq: 1 }, { seq: 2 });
    expect(await removeArchivedRows(STORES, nameOf(1), new Budget())).toBeNull();
    expect(await hotSeqs()).toEqual([1, 2]);
  });
});
