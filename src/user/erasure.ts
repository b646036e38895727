import { readHead } from "./record-event.ts";
import { readLogState } from "./log-state.ts";
import { dropSchema, hasSchema } from "./schema.ts";

/** What D1 has still to forget: for each database the last generation of the user's log that was erased there. */
export type PendingErasure = Record<string, number>;

/**
 * Erases the log, and notes in the same transaction what D1 has to forget, so that it happens whatever comes.
 *
 * @returns how many events were erased
 */
export function eraseLog(storage: DurableObjectStorage): number {
  const state = readLogState(storage);
  if (!state || !hasSchema(storage)) return 0;
  return storage.transactionSync(() => {
    const erased = readHead(storage.sql).seq;
    storage.kv.put("erasure", { ...readErasure(storage), [state.database]: state.generation });
    dropSchema(storage);
    for (const key of ["log", "profile", "ship_failures"]) storage.kv.delete(key);
    return erased;
  });
}

export function readErasure(storage: DurableObjectStorage): PendingErasure {
  return storage.kv.get<PendingErasure>("erasure") ?? {};
}

/** The generation of a log that is begun now: later than those that D1 has still to forget, whatever the clock says. */
export function nextGeneration(storage: DurableObjectStorage, now: number): number {
  return Math.max(now, ...Object.values(readErasure(storage)).map((erased) => erased + 1));
}

/** Strikes one database off, unless another erasure came while it was awaited. */
export function markErased(storage: DurableObjectStorage, database: string, generation: number): void {
  const { [database]: pending, ...others } = readErasure(storage);
  if (pending !== generation) return;
  if (Object.keys(others).length > 0) storage.kv.put("erasure", others);
  else storage.kv.delete("erasure");
}
