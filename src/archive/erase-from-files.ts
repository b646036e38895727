import type { EventRow } from "../d1/event-row.ts";
import type { Bucket } from "./bucket.ts";
import type { Budget } from "./budget.ts";
import type { JobRunner } from "./job-runner.ts";
import type { ArchivedObject } from "./manifest.ts";
import { objectName, parseObjectName } from "./object-name.ts";
import { readParquet } from "./parquet-file.ts";

/**
 * Rewrites the files of some days that have rows of an erased log. Rejects with what R2 or D1 throws.
 *
 * @param days as YYYY-MM-DD
 * @returns how many files were rewritten, and the days that are left because the budget was used up
 */
export async function eraseFromFiles(
  runner: JobRunner,
  log: Pick<EventRow, "user_id" | "generation">,
  days: readonly string[],
  budget: Budget,
): Promise<{ files: number; left: string[] }> {
  const { bucket } = runner.stores;
  const byDay = Map.groupBy((await runner.manifest()).objects, ({ day }) => day);
  let files = 0;
  for (const [index, day] of days.entries()) {
    for (const object of byDay.get(day) ?? []) {
      if (!budget.takeFile()) return { files, left: days.slice(index) };
      const isThere = (await bucket.head(object.name)) !== null;
      // A missing file is replaced by none, so that the manifest no longer lists it.
      if (isThere && !(await holdsLog(bucket, object, log))) continue;
      const name = parseObjectName(object.name)!;
      const target = objectName({ ...name, revision: name.revision + 1 });
      await runner.do({ kind: "replace", target, day, sources: [object.name], drop: [log] });
      files++;
    }
  }
  return { files, left: [] };
}

async function holdsLog(
  bucket: Bucket,
  { name, bytes }: ArchivedObject,
  { user_id: userId, generation }: Pick<EventRow, "user_id" | "generation">,
): Promise<boolean> {
  const rows = await readParquet(bucket.file(name, bytes), { columns: ["generation"], userId });
  return rows.some((row) => row.generation === generation);
}
