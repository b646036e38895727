import type { ErasedKey } from "../d1/erase-events.ts";
import { dayOf } from "../d1/hour.ts";
import { ERASURE_RECEIPT_MS, MAX_ERASED_KEYS } from "../limits.ts";
import type { Erasure, LogState, ValueStore } from "./stored-values.ts";

/**
 * Notes what D1 and the archive have to forget: the keys of all events of a log, in packs, and their days. D1 has no
 * index by user, so without the keys its rows could only be found by reading all of it. What the user did is gone at once.
 *
 * @param now epoch milliseconds
 */
export function eraseEventTable(sql: SqlStorage, values: ValueStore, state: LogState, now: number): void {
  const { userId, database, generation } = state;
  let next = 0;
  let pack: ErasedKey[] = [];
  const days = new Set<string>();
  for (const { timestamp, seq } of state.only ? [state.only] : keysOf(sql)) {
    days.add(dayOf(timestamp));
    pack.push([timestamp, seq]);
    if (pack.length < MAX_ERASED_KEYS) continue;
    values.put(`erased:${generation}:${next++}`, pack);
    pack = [];
  }
  if (pack.length > 0) values.put(`erased:${generation}:${next++}`, pack);
  values.put(`erasure:${generation}`, {
    userId,
    database,
    events: keptEvents(state),
    erasedAt: now,
    stage: "d1",
    first: 0,
    next,
    days: [...days],
    files: 0,
    doneAt: null,
  });
}

/** How many events a log has on disk. */
export function keptEvents({ headSeq, expired }: LogState): number {
  return headSeq - (expired?.events ?? 0);
}

function keysOf(sql: SqlStorage): Iterable<{ timestamp: number; seq: number }> {
  return sql.exec<{ timestamp: number; seq: number }>("SELECT timestamp, seq FROM events");
}

/** The erasures that something has still to forget. */
export function pendingErasures(values: ValueStore): [generation: number, Erasure][] {
  return values.erasures().filter(([, { stage }]) => stage !== "done");
}

/**
 * Lets go of receipts that were kept long enough.
 *
 * @param now epoch milliseconds
 * @returns when the next one can go, in epoch milliseconds; null where there is none
 */
export function forgetReceipts(values: ValueStore, now: number): number | null {
  let next: number | null = null;
  for (const [generation, { doneAt }] of values.erasures()) {
    if (doneAt === null) continue;
    const end = doneAt + ERASURE_RECEIPT_MS;
    if (end <= now) values.delete(`erasure:${generation}`);
    else next = Math.min(next ?? end, end);
  }
  return next;
}

/** What was erased of a user, latest first. Times are in epoch milliseconds. */
export type ErasureReceipt = Pick<Erasure, "events" | "erasedAt" | "database" | "stage" | "files" | "doneAt">[];

export function receiptOf(values: ValueStore): ErasureReceipt {
  return values
    .erasures()
    .map(([, { events, erasedAt, database, stage, files, doneAt }]) => ({
      events,
      erasedAt,
      database,
      stage,
      files,
      doneAt,
    }))
    .sort((a, b) => b.erasedAt - a.erasedAt);
}
