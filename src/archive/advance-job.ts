import { EVENT_ROW_COLUMNS, type EventRow, type RowKey } from "../d1/event-row.ts";
import { keyOfRow } from "../d1/read-rows.ts";
import { byteLength } from "../event/json.ts";
import { logFailure } from "../log-failure.ts";
import type { Bucket } from "./bucket.ts";
import { erasedLogs, readHotRows, removeHotRows, removeOldFeed, textOfLog } from "./hot-rows.ts";
import type { Job, MovePlan, ReplacePlan } from "./job.ts";
import { type ArchivedObject, archivedObject, changeManifest } from "./manifest.ts";
import { parquetOf, readParquet } from "./parquet-file.ts";

export interface Stores {
  bucket: Bucket;
  database: D1Database;
  /** The database's binding. */
  name: string;
}

/**
 * Does a job's next step, and returns the job in its new state, or null if it is done. Every step can be repeated.
 * Rejects with what R2 or D1 throws; the job is then tried again from the same state.
 *
 * @param manifestVersion the version of the manifest that was seen last
 */
export async function advanceJob(stores: Stores, job: Job, manifestVersion: number): Promise<Job | null> {
  const { plan, object } = job;
  switch (job.state) {
    case "planned":
      return { ...job, state: "written", object: plan.kind === "remove" ? null : await writeTarget(stores, plan) };
    case "written": {
      const { version } = await changeManifest(stores.bucket, stores.name, manifestVersion, {
        add: object ? [object] : [],
        remove: plan.kind === "move" ? [] : plan.sources,
      });
      return { ...job, state: "listed", manifestVersion: version };
    }
    case "listed":
      if (plan.kind !== "move") await stores.bucket.remove(plan.sources);
      else if (object) await leaveD1(stores, plan, object);
      return null;
  }
}

/** Writes the file of a plan. If it already exists, an earlier attempt has written it, and it stays. */
async function writeTarget(stores: Stores, plan: MovePlan | ReplacePlan): Promise<ArchivedObject | null> {
  const { target, day } = plan;
  const known = await stores.bucket.head(target);
  if (known) return archivedObject(known, day);
  const rows = plan.kind === "move" ? await rowsToMove(stores, plan) : await rowsToKeep(stores, plan);
  if (rows.length === 0) return null;
  const textBytes = rows.reduce((sum, row) => sum + byteLength(row.properties) + byteLength(row.context), 0);
  const put = await stores.bucket.put(target, parquetOf(rows), {
    onlyIf: { etagDoesNotMatch: "*" },
    customMetadata: { rows: String(rows.length), text_bytes: String(textBytes) },
  });
  if (put) return archivedObject(put, day);
  const first = await stores.bucket.head(target);
  if (!first) throw new Error("The archive's file was not written and does not exist");
  return archivedObject(first, day);
}

async function rowsToMove({ database }: Stores, { from, to, writtenBefore }: MovePlan): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  for (let after: RowKey = from; ;) {
    const page = await readHotRows(database, after, to, writtenBefore);
    const last = page.at(-1);
    if (!last) break;
    rows.push(...page);
    after = keyOfRow(last);
  }
  const erased = await erasedLogs(database, logsOf(rows));
  return rows.filter((row) => !erased.has(textOfLog(row)));
}

/** The rows of the files that are replaced, each event only in its latest revision. */
async function rowsToKeep({ bucket }: Stores, { sources, drop }: ReplacePlan): Promise<EventRow[]> {
  const dropped = new Set(drop.map(textOfLog));
  const latest = new Map<string, EventRow>();
  for (const source of sources) {
    const head = await bucket.head(source);
    // The file will not come back, and waiting for it would block everything else. The users' logs still have its
    // events.
    if (!head) {
      logFailure("archive_file_missing", "A file that the manifest lists is missing in R2", { file: source });
      continue;
    }
    for (const row of await readParquet(bucket.file(source, head.size), { columns: EVENT_ROW_COLUMNS })) {
      if (dropped.has(textOfLog(row))) continue;
      const key = `${textOfLog(row)} ${row.seq}`;
      if ((latest.get(key)?.revision ?? 0) < row.revision) latest.set(key, row);
    }
  }
  return [...latest.values()];
}

/**
 * Removes the rows of a file from D1. Rows of D1 that have changed since then stay. The old part of the feed is removed
 * first, so that a reader who is that far behind is told, instead of missing events that are no longer there.
 */
async function leaveD1({ bucket, database }: Stores, plan: MovePlan, { name, bytes }: ArchivedObject): Promise<void> {
  await removeOldFeed(database, plan.writtenBefore);
  await removeHotRows(database, await readKeys(bucket, { name, bytes }));
}

/** Reads the columns of a file that identify its rows in D1, and their revisions. */
export function readKeys(bucket: Bucket, { name, bytes }: Pick<ArchivedObject, "name" | "bytes">) {
  return readParquet(bucket.file(name, bytes), { columns: ["timestamp", "generation", "seq", "user_id", "revision"] });
}

function logsOf(rows: readonly EventRow[]): Pick<EventRow, "generation" | "user_id">[] {
  return [...new Map(rows.map((row) => [textOfLog(row), row])).values()];
}
