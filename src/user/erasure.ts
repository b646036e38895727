import type { ErasedKey } from "../d1/erase-events.ts";
import { dayOf } from "../d1/hour.ts";
import { ERASURE_RECEIPT_MS, MAX_ERASED_KEYS } from "../limits.ts";
import type { ErasedCopy, Erasure, LogState, ValueStore } from "./stored-values.ts";
import { databaseOf, databasesOf } from "./stretches.ts";

/**
 * Notes what has to be erased from D1 and the archive: the keys of all events of a log, in packs, and their days. D1
 * has no index by user, so without the keys the whole table would have to be read. Only the keys are kept, not the
 * content. Every database is told all keys, so that none keeps an event that should have been in another.
 *
 * @param now epoch milliseconds
 */
export function eraseEventTable(sql: SqlStorage, values: ValueStore, state: LogState, now: number): void {
  const { userId, generation } = state;
  let packs = 0;
  let pack: ErasedKey[] = [];
  const days = new Set<string>();
  const counts = new Map(databasesOf(state).map((database) => [database, 0]));
  for (const { timestamp, seq } of state.only ? [state.only] : keysOf(sql)) {
    days.add(dayOf(timestamp));
    const database = databaseOf(state, seq);
    counts.set(database, counts.get(database)! + 1);
    pack.push([timestamp, seq]);
    if (pack.length < MAX_ERASED_KEYS) continue;
    values.put(`erased:${generation}:${packs++}`, pack);
    pack = [];
  }
  if (pack.length > 0) values.put(`erased:${generation}:${packs++}`, pack);
  values.put(`erasure:${generation}`, {
    userId,
    events: keptEvents(state),
    erasedAt: now,
    copies: [...counts].map(([database, count]) => ({
      database,
      events: count,
      stage: "d1",
      pack: 0,
      days: [...days],
      files: 0,
    })),
    packs,
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

/** The databases that something has not been erased from yet. */
export function forgettingDatabases(values: ValueStore): string[] {
  const copies = pendingErasures(values).flatMap(([, erasure]) => erasure.copies);
  return copies.filter(({ stage }) => stage !== "done").map(({ database }) => database);
}

/** The erasures that are not complete in every copy yet. */
export function pendingErasures(values: ValueStore): [generation: number, Erasure][] {
  return values.erasures().filter(([, { doneAt }]) => doneAt === null);
}

/**
 * Deletes the receipts that are older than ERASURE_RECEIPT_MS.
 *
 * @param now epoch milliseconds
 * @returns when the next one can be deleted, in epoch milliseconds; null if there is none
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
export type ErasureReceipt = (Pick<Erasure, "events" | "erasedAt" | "doneAt"> & {
  copies: Pick<ErasedCopy, "database" | "events" | "stage" | "files">[];
})[];

export function receiptOf(values: ValueStore): ErasureReceipt {
  return values
    .erasures()
    .map(([, { events, erasedAt, doneAt, copies }]) => ({ events, erasedAt, doneAt, copies }))
    .sort((a, b) => b.erasedAt - a.erasedAt);
}
