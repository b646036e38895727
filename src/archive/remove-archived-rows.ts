import { readKeys, type Stores } from "./advance-job.ts";
import type { Budget } from "./budget.ts";
import { removeHotRows } from "./hot-rows.ts";
import { readManifest } from "./manifest.ts";

/**
 * Removes from D1 what files hold, in the order of their names.
 *
 * @param after the name of the file that was handled last; null for the beginning
 * @returns where to go on; null where that was all
 */
export async function removeArchivedRows(
  { bucket, database, name }: Stores,
  after: string | null,
  budget: Budget,
): Promise<string | null> {
  const { manifest } = await readManifest(bucket, name);
  let last = after;
  for (const object of manifest.objects) {
    if (after !== null && object.name <= after) continue;
    if (!budget.takeFile()) return last;
    // What was in a file that is gone stays in D1, and is archived again.
    if (await bucket.head(object.name)) await removeHotRows(database, await readKeys(bucket, object));
    last = object.name;
  }
  return null;
}
