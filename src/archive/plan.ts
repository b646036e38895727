import type { RowKey } from "../d1/event-row.ts";
import { DAY_MS, dayOf, floorTo } from "../d1/hour.ts";
import { ARCHIVE_CHUNK_BYTES, ARCHIVE_CHUNK_ROWS } from "../limits.ts";
import { endOfChunk, firstHotRow, type Horizon } from "./hot-rows.ts";
import type { MovePlan, Plan, ReplacePlan } from "./job.ts";
import type { ArchivedObject, Manifest } from "./manifest.ts";

/** A plan for a new file, whose name is given to it together with a number. */
export type NewFilePlan = Omit<MovePlan, "target"> | Omit<ReplacePlan, "target">;

/**
 * The next rows to move: of one day, from the first one past a key on. Rejects with what D1 throws.
 *
 * @param after null for the beginning
 * @param until looks no further after this, in epoch milliseconds: "later"
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
  // Just before the first row.
  const from: RowKey = [first[0], first[1], first[2] - 1, first[3]];
  const to = await endOfChunk(database, from, { ...horizon, cutoff: Math.min(dayStart + DAY_MS, horizon.cutoff) });
  // An update between the two queries makes the row too young.
  if (!to) return null;
  return { kind: "move", day: dayOf(dayStart), from, to, writtenBefore: horizon.writtenBefore };
}

/** Small files of a day that fit one file, the smallest first; null where no day has two of them. */
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

/** The files of whole days that retention no longer keeps; null where there are none. */
export function planRemoval({ objects }: Manifest, expiredBefore: string): Extract<Plan, { kind: "remove" }> | null {
  const sources = objects.filter(({ day }) => day < expiredBefore).map(({ name }) => name);
  return sources.length > 0 ? { kind: "remove", sources } : null;
}
