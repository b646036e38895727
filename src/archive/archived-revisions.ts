import { fileOf } from "./bucket.ts";
import { readManifest } from "./manifest.ts";
import { readParquet } from "./parquet-file.ts";

/**
 * The latest revision of each event of a log that the archive of a database has, on some days. What has left D1 before
 * is among them. Rejects where R2 fails, or where a file is replaced just now.
 *
 * @param days as YYYY-MM-DD
 * @returns by the event's number
 */
export async function archivedRevisions(
  bucket: R2Bucket,
  database: string,
  { userId, generation }: { userId: string; generation: number },
  days: ReadonlySet<string>,
): Promise<Map<number, number>> {
  const { manifest } = await readManifest(bucket, database);
  const latest = new Map<number, number>();
  for (const { name, bytes } of manifest.objects.filter(({ day }) => days.has(day))) {
    const columns = ["generation", "seq", "revision"] as const;
    for (const row of await readParquet(fileOf(bucket, name, bytes), { columns, userId }))
      if (row.generation === generation) latest.set(row.seq, Math.max(latest.get(row.seq) ?? 0, row.revision));
  }
  return latest;
}
