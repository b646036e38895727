import { MAX_LISTED_OBJECTS } from "../limits.ts";
import {
  databaseOfObject,
  dayOfObject,
  manifestName,
  objectPrefix,
  revisionOfObject,
  seriesOfObject,
} from "./object-name.ts";

/** One Parquet file of the archive. */
export interface ArchivedObject {
  name: string;
  /** The day of its events, as YYYY-MM-DD in UTC. */
  day: string;
  rows: number;
  bytes: number;
  etag: string;
}

/** Which files make up the archive of one database. Readers take them from here and nowhere else. */
export interface Manifest {
  /** Grows with each change. */
  version: number;
  database: string;
  objects: ArchivedObject[];
}

interface StoredManifest {
  manifest: Manifest;
  /** Undefined where there is none yet. */
  etag: string | undefined;
}

/** Reads a database's manifest; an empty one where there is none yet. Rejects where R2 fails. */
export async function readManifest(bucket: R2Bucket, database: string): Promise<StoredManifest> {
  const object = await bucket.get(manifestName(database));
  if (!object) return { manifest: { version: 0, database, objects: [] }, etag: undefined };
  return { manifest: await object.json<Manifest>(), etag: object.etag };
}

/**
 * Replaces some of a manifest's objects by others, in one step. Repeating it changes nothing. Rejects where R2 fails, or
 * where somebody else has changed the manifest meanwhile.
 */
export async function changeManifest(
  bucket: R2Bucket,
  database: string,
  { add, remove }: { add: readonly ArchivedObject[]; remove: readonly string[] },
): Promise<void> {
  const { manifest, etag } = await readManifest(bucket, database);
  const gone = new Set([...remove, ...add.map(({ name }) => name)]);
  const kept = manifest.objects.filter(({ name }) => !gone.has(name));
  const objects = [...kept, ...add].sort((a, b) => (a.name < b.name ? -1 : 1));
  if (JSON.stringify(objects) === JSON.stringify(manifest.objects)) return;
  await putManifest(bucket, { manifest: { version: manifest.version + 1, database, objects }, etag });
}

/** Makes a lost manifest anew from the objects that there are. Of a file that was rewritten, the latest one counts. */
export async function rebuildManifest(bucket: R2Bucket, database: string): Promise<Manifest> {
  const latest = new Map<string, ArchivedObject>();
  for (let cursor: string | undefined; ;) {
    const options = { prefix: objectPrefix, limit: MAX_LISTED_OBJECTS, include: ["customMetadata" as const] };
    const listed: R2Objects = await bucket.list(cursor === undefined ? options : { ...options, cursor });
    for (const { key, size, etag, customMetadata } of listed.objects) {
      if (databaseOfObject(key) !== database) continue;
      const series = seriesOfObject(key);
      const known = latest.get(series);
      if (known && revisionOfObject(known.name) > revisionOfObject(key)) continue;
      latest.set(series, {
        name: key,
        day: dayOfObject(key),
        rows: Number(customMetadata?.["rows"]),
        bytes: size,
        etag,
      });
    }
    if (!listed.truncated) break;
    cursor = listed.cursor;
  }
  const objects = [...latest.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const { manifest, etag } = await readManifest(bucket, database);
  const rebuilt = { version: manifest.version + 1, database, objects };
  await putManifest(bucket, { manifest: rebuilt, etag });
  return rebuilt;
}

async function putManifest(bucket: R2Bucket, { manifest, etag }: StoredManifest): Promise<void> {
  const put = await bucket.put(manifestName(manifest.database), JSON.stringify(manifest), {
    onlyIf: etag === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: etag },
    httpMetadata: { contentType: "application/json" },
  });
  if (!put) throw new Error("The archive's manifest was changed by somebody else");
}
