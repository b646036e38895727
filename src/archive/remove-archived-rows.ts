import { readKeys, type Stores } from "./advance-job.ts";
import type { Budget } from "./budget.ts";
import { removeHotRows } from "./hot-rows.ts";
import { readManifest } from "./manifest.ts";

/**
 * Removes the rows of archived files from D1, in the order of the files' names. Rejects with what R2 or D1 throws.
 *
 * @param after the name of the last file that was handled; null for the beginning
 * @returns the file to continue after; null at the end
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
    // If a file is missing, its rows stay in D1 and are archived again.
    if (await bucket.head(object.name)) await removeHotRows(database, await readKeys(bucket, object));
    last = object.name;
  }
  return null;
}
