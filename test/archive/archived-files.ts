import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { archiveBucket, Bucket } from "../../src/archive/bucket.ts";
import { JobRunner } from "../../src/archive/job-runner.ts";
import { JobStore } from "../../src/archive/job.ts";
import { archivedObject, changeManifest, readManifest } from "../../src/archive/manifest.ts";
import { objectName } from "../../src/archive/object-name.ts";
import { parquetOf, readParquet } from "../../src/archive/parquet-file.ts";
import type { EventRow } from "../../src/d1/event-row.ts";
import { eventRow } from "../d1/events-in-d1.ts";

// Files of an archive that no archiver has written, and what works on them.

export const DAY = "2024-01-02";
export const r2 = archiveBucket(env)!;
export const bucket = new Bucket(r2);

export async function emptyBucket(): Promise<void> {
  const { objects } = await r2.list();
  await r2.delete(objects.map(({ key }) => key));
}

/** Runs jobs on the disk of an archiver that has never run. */
export function withRunner(test: (runner: JobRunner, jobs: JobStore) => Promise<void>): Promise<void> {
  return runInDurableObject(env.ARCHIVER.getByName(crypto.randomUUID()), async (_, { storage }) => {
    const jobs = new JobStore(storage);
    await test(new JobRunner(jobs, { bucket, database: env.DB, name: "DB" }), jobs);
  });
}

export function nameOf(chunk: number, revision = 0, day = DAY): string {
  return objectName({ day, database: "DB", chunk, revision });
}

/** Puts a file there and lists it. */
export async function putFile(chunk: number, rows: Partial<EventRow>[], day = DAY): Promise<string> {
  const name = nameOf(chunk, 0, day);
  const put = await bucket.put(name, parquetOf(rows.map((row) => eventRow(row))), {
    onlyIf: { etagDoesNotMatch: "*" },
    customMetadata: { rows: String(rows.length), text_bytes: String(4 * rows.length) },
  });
  await changeManifest(bucket, "DB", 0, { add: [archivedObject(put!, day)], remove: [] });
  return name;
}

/** Which users' events each listed file has. */
export async function listedUsers(): Promise<Record<string, string[]>> {
  const { manifest } = await readManifest(bucket, "DB");
  const found = manifest.objects.map(async ({ name, bytes }) => {
    const rows = await readParquet(bucket.file(name, bytes), { columns: ["user_id"] });
    return [name, rows.map(({ user_id }) => user_id)] as const;
  });
  return Object.fromEntries(await Promise.all(found));
}
