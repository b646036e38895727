import { EVENT_ROW_COLUMNS, type EventRow, type RowKey } from "../d1/event-row.ts";
import { fileOf } from "./bucket.ts";
import { erasedLogs, keyOfRow, readHotRows, removeHotRows, textOfLog } from "./hot-rows.ts";
import type { Job, MovePlan, ReplacePlan } from "./job.ts";
import { type ArchivedObject, changeManifest } from "./manifest.ts";
import { parquetOf, readParquet } from "./parquet-file.ts";

export interface Stores {
  bucket: R2Bucket;
  database: D1Database;
  /** The database's binding. */
  name: string;
}

/**
 * Does a job's next step, and returns the job as it is then; null where it is done. Every step can be repeated. Rejects
 * with what R2 or D1 throws; the job is then tried again from the same state.
 */
export async function advanceJob(stores: Stores, job: Job): Promise<Job | null> {
  const { plan, object } = job;
  switch (job.state) {
    case "planned":
      return { ...job, state: "written", object: plan.kind === "remove" ? null : await writeTarget(stores, plan) };
    case "written":
      await changeManifest(stores.bucket, stores.name, {
        add: object ? [object] : [],
        remove: plan.kind === "move" ? [] : plan.sources,
      });
      return { ...job, state: "listed" };
    case "listed":
      if (plan.kind !== "move") await stores.bucket.delete(plan.sources);
      else if (object) await removeHotRows(stores.database, await readKeys(stores, object));
      return null;
  }
}

/** Writes the file that a plan wants, unless it is there: then it is that of a try before this one, and stays. */
async function writeTarget(stores: Stores, plan: MovePlan | ReplacePlan): Promise<ArchivedObject | null> {
  const { target, day } = plan;
  const known = await stores.bucket.head(target);
  if (known) return manifestEntry(known, day);
  const rows = plan.kind === "move" ? await rowsToMove(stores, plan) : await rowsToKeep(stores, plan);
  if (rows.length === 0) return null;
  const put = await stores.bucket.put(target, parquetOf(rows), {
    onlyIf: { etagDoesNotMatch: "*" },
    customMetadata: { rows: String(rows.length) },
  });
  if (put) return manifestEntry(put, day);
  const first = await stores.bucket.head(target);
  if (!first) throw new Error("The archive's object was neither written nor there");
  return manifestEntry(first, day);
}

function manifestEntry({ key, size, etag, customMetadata }: R2Object, day: string): ArchivedObject {
  return { name: key, day, rows: Number(customMetadata?.["rows"]), bytes: size, etag };
}

async function rowsToMove({ database }: Stores, { from, to, writtenBefore }: MovePlan): Promise<EventRow[]> {
  const rows: EventRow[] = [];
  for (let after: RowKey = from; ;) {
    const page = await readHotRows(database, after, to[0] + 1, { writtenBefore });
    const within = page.filter((row) => compareKeys(keyOfRow(row), to) <= 0);
    rows.push(...within);
    const last = page.at(-1);
    if (!last || within.length < page.length) break;
    after = keyOfRow(last);
  }
  const erased = await erasedLogs(database, logsOf(rows));
  return rows.filter((row) => !erased.has(textOfLog(row)));
}

/** The rows of the files to replace, each event in its latest revision only. */
async function rowsToKeep({ bucket }: Stores, { sources, drop }: ReplacePlan): Promise<EventRow[]> {
  const dropped = new Set(drop.map(textOfLog));
  const latest = new Map<string, EventRow>();
  for (const source of sources) {
    const head = await bucket.head(source);
    // A source that is gone was replaced by a try before this one, which then has written the target.
    if (!head) throw new Error(`The archive's object ${source} is gone`);
    for (const row of await readParquet(fileOf(bucket, source, head.size), { columns: EVENT_ROW_COLUMNS })) {
      if (dropped.has(textOfLog(row))) continue;
      const key = `${textOfLog(row)} ${row.seq}`;
      if ((latest.get(key)?.revision ?? 0) < row.revision) latest.set(key, row);
    }
  }
  return [...latest.values()];
}

/** What a file holds decides what leaves D1, whatever D1 has become meanwhile. */
function readKeys({ bucket }: Stores, { name, bytes }: ArchivedObject) {
  return readParquet(fileOf(bucket, name, bytes), {
    columns: ["timestamp", "generation", "seq", "user_id", "revision"],
  });
}

function logsOf(rows: readonly EventRow[]): Pick<EventRow, "generation" | "user_id">[] {
  return [...new Map(rows.map((row) => [textOfLog(row), row])).values()];
}

function compareKeys(a: RowKey, b: RowKey): number {
  for (let i = 0; i < 3; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a[3] < b[3] ? -1 : a[3] > b[3] ? 1 : 0;
}
