import type { Bucket } from "./bucket.ts";
import { readManifest } from "./manifest.ts";
import { objectPrefix, parseObjectName } from "./object-name.ts";
import { readParquet } from "./parquet-file.ts";

/**
 * The latest revision of each event of a log that the archive of a database has on some days. Rejects if R2 fails, if
 * the manifest is lost, or if a file is just being replaced.
 *
 * @param days as YYYY-MM-DD
 * @returns the revisions by the events' numbers
 */
export async function archivedRevisions(
  bucket: Bucket,
  database: string,
  { userId, generation }: { userId: string; generation: number },
  days: ReadonlySet<string>,
): Promise<Map<number, number>> {
  const { manifest } = await readManifest(bucket, database);
  if (manifest.version === 0 && (await hasObjects(bucket, database)))
    throw new Error("The archive's manifest is missing; the next run makes it again");
  const latest = new Map<number, number>();
  for (const { name, bytes } of manifest.objects.filter(({ day }) => days.has(day))) {
    const columns = ["generation", "seq", "revision"] as const;
    for (const row of await readParquet(bucket.file(name, bytes), { columns, userId }))
      if (row.generation === generation) latest.set(row.seq, Math.max(latest.get(row.seq) ?? 0, row.revision));
  }
  return latest;
}

async function hasObjects(bucket: Bucket, database: string): Promise<boolean> {
  const objects = await bucket.list(objectPrefix);
  return objects.some(({ key }) => parseObjectName(key)?.database === database);
}
