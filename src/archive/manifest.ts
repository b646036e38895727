import { logFailure } from "../log-failure.ts";
import type { Bucket } from "./bucket.ts";
import { manifestName, objectPrefix, parseObjectName } from "./object-name.ts";

/** One Parquet file of the archive. */
export interface ArchivedObject {
  name: string;
  /** The day of its events, as YYYY-MM-DD in UTC. */
  day: string;
  rows: number;
  bytes: number;
  /** The size of its properties and contexts as text, which a reader of the whole file needs in memory. */
  text_bytes: number;
  etag: string;
}

/** The files of the archive of one database. Readers must only use files that are listed here. */
export interface Manifest {
  /** Grows with each change. */
  version: number;
  database: string;
  objects: ArchivedObject[];
}

interface StoredManifest {
  manifest: Manifest;
  /** Undefined if there is no manifest yet. */
  etag: string | undefined;
}

/** Reads a database's manifest. Returns an empty one of version 0 if there is none. Rejects if R2 fails. */
export async function readManifest(bucket: Bucket, database: string): Promise<StoredManifest> {
  const object = await bucket.read(manifestName(database));
  if (!object) return { manifest: { version: 0, database, objects: [] }, etag: undefined };
  return { manifest: parsed(object.text) ?? { version: 0, database, objects: [] }, etag: object.etag };
}

/**
 * Replaces some objects of a manifest by others, in one step. Idempotent. Rejects if R2 fails, if somebody else changes
 * the manifest at the same time, or if the manifest is older than `known`.
 *
 * @param known the version that was seen last
 * @returns the new manifest
 */
export async function changeManifest(
  bucket: Bucket,
  database: string,
  known: number,
  { add, remove }: { add: readonly ArchivedObject[]; remove: readonly string[] },
): Promise<Manifest> {
  const { manifest, etag } = await readManifest(bucket, database);
  if (manifest.version < known) throw new Error("The archive's manifest is missing; the next run makes it again");
  const gone = new Set([...remove, ...add.map(({ name }) => name)]);
  const kept = manifest.objects.filter(({ name }) => !gone.has(name));
  const objects = [...kept, ...add].sort(byName);
  if (JSON.stringify(objects) === JSON.stringify(manifest.objects)) return manifest;
  return putManifest(bucket, { manifest: { version: manifest.version + 1, database, objects }, etag });
}

/**
 * Makes a lost manifest again from the objects in R2. If a file was rewritten, its latest revision is listed and the
 * others are deleted. Rejects if R2 fails.
 *
 * @param version the last known version of the lost manifest; the new one gets a higher version
 */
export async function rebuildManifest(bucket: Bucket, database: string, version: number): Promise<Manifest> {
  const latest = new Map<string, { revision: number; object: ArchivedObject }>();
  const replaced: string[] = [];
  for (const found of await bucket.list(objectPrefix)) {
    const name = parseObjectName(found.key);
    if (name?.database !== database) continue;
    const chunk = `${name.day} ${name.chunk}`;
    const known = latest.get(chunk);
    if (known && known.revision > name.revision) {
      replaced.push(found.key);
      continue;
    }
    if (known) replaced.push(known.object.name);
    latest.set(chunk, { revision: name.revision, object: archivedObject(found, name.day) });
  }
  const objects = [...latest.values()].map(({ object }) => object).sort(byName);
  const { manifest, etag } = await readManifest(bucket, database);
  if (objects.length === 0 && version === 0 && manifest.version === 0) return manifest;
  const rebuilt = { version: Math.max(version, manifest.version) + 1, database, objects };
  await putManifest(bucket, { manifest: rebuilt, etag });
  await bucket.remove(replaced);
  return rebuilt;
}

/** The entry of the manifest for an object of R2. */
export function archivedObject({ key, size, etag, customMetadata }: R2Object, day: string): ArchivedObject {
  const number = (name: string) => Number(customMetadata?.[name]);
  return { name: key, day, rows: number("rows"), bytes: size, text_bytes: number("text_bytes"), etag };
}

/** Null if the text cannot be parsed. Such a manifest is treated as lost. */
function parsed(text: string): Manifest | null {
  try {
    return JSON.parse(text) as Manifest;
  } catch (error) {
    logFailure("archive_manifest_unreadable", error);
    return null;
  }
}

async function putManifest(bucket: Bucket, { manifest, etag }: StoredManifest): Promise<Manifest> {
  const put = await bucket.put(manifestName(manifest.database), JSON.stringify(manifest), {
    onlyIf: etag === undefined ? { etagDoesNotMatch: "*" } : { etagMatches: etag },
    httpMetadata: { contentType: "application/json" },
  });
  if (!put) throw new Error("The archive's manifest was changed by somebody else");
  return manifest;
}

function byName(a: ArchivedObject, b: ArchivedObject): number {
  return a.name < b.name ? -1 : 1;
}
