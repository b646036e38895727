import type { RowKey } from "../d1/event-row.ts";
import { DAY_MS, dayOf, floorTo } from "../d1/hour.ts";
import { ARCHIVE_CHUNK_BYTES, ARCHIVE_CHUNK_ROWS } from "../limits.ts";
import { endOfChunk, firstHotRow, type Horizon } from "./hot-rows.ts";
import type { MovePlan, Plan, ReplacePlan } from "./job.ts";
import type { ArchivedObject, Manifest } from "./manifest.ts";

/** A plan for a new file that has no name yet. It gets its name together with the chunk's number. */
export type NewFilePlan = Omit<MovePlan, "target"> | Omit<ReplacePlan, "target">;

/**
 * Plans to move the next rows of one day. Rejects with what D1 throws.
 *
 * @param after only rows after this key; null for the beginning
 * @param until the search ends at this time, in epoch milliseconds
 * @returns null if no row is old enough, or "later" if the time was up first
 */
export async function planMove(
  database: D1Database,
  after: RowKey | null,
  horizon: Horizon,
  until: number,
): Promise<Omit<MovePlan, "target"> | null | "later"> {
  const first = await firstHotRow(database, after, horizon, until);
  if (!first || first === "later") return first;
  const dayStart = floorTo(DAY_MS, first[0]);
  // This is just before the first row.
  const from: RowKey = [first[0], first[1], first[2] - 1, first[3]];
  const to = await endOfChunk(database, from, { ...horizon, cutoff: Math.min(dayStart + DAY_MS, horizon.cutoff) });
  // If the row was updated between the two queries, it is no longer old enough.
  if (!to) return null;
  return { kind: "move", day: dayOf(dayStart), from, to, writtenBefore: horizon.writtenBefore };
}

/** Plans to merge small files of a day that fit one file, the smallest first. Null if no day has two such files. */
export function planCompaction({ objects }: Manifest): Omit<ReplacePlan, "target"> | null {
  for (const [day, ofDay] of Map.groupBy(objects, (object) => object.day)) {
    const sources: ArchivedObject[] = [];
    let [rows, bytes] = [0, 0];
    for (const object of ofDay.sort((a, b) => a.rows - b.rows)) {
      rows += object.rows;
      bytes += object.text_bytes;
      if (rows > ARCHIVE_CHUNK_ROWS || bytes > ARCHIVE_CHUNK_BYTES) break;
      sources.push(object);
    }
    if (sources.length > 1) return { kind: "replace", day, sources: sources.map(({ name }) => name), drop: [] };
  }
  return null;
}

/** Plans to delete the files of whole days that have expired. Null if there are none. */
export function planRemoval({ objects }: Manifest, expiredBefore: string): Extract<Plan, { kind: "remove" }> | null {
  const sources = objects.filter(({ day }) => day < expiredBefore).map(({ name }) => name);
  return sources.length > 0 ? { kind: "remove", sources } : null;
}
