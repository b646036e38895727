import { ERASURE_REPEAT_DELAY_MS } from "../limits.ts";
import { readHead } from "./record-event.ts";
import type { StoredLogState } from "./log-state.ts";
import { dropSchema } from "./schema.ts";

/** What D1 has still to forget, by database. */
type PendingErasure = Record<string, { generation: number; repeatAt?: number }>;

/**
 * Erases the log, and notes in the same transaction what D1 has to forget, so that it happens whatever comes.
 *
 * @returns how many events were erased
 */
export function eraseLog(storage: DurableObjectStorage, state: StoredLogState): number {
  const log = state.current;
  if (!log) return 0;
  return state.transaction(() => {
    const erased = readHead(storage.sql).seq;
    storage.kv.put("erasure", { ...readErasure(storage), [log.database]: { generation: log.generation } });
    dropSchema(storage);
    storage.kv.delete("profile");
    state.erase();
    return erased;
  });
}

/** Empty where D1 has nothing to forget. */
export function readErasure(storage: DurableObjectStorage): PendingErasure {
  return storage.kv.get<PendingErasure>("erasure") ?? {};
}

/**
 * The generation of a log that is begun now: later than those that D1 has still to forget, whatever the clock says.
 *
 * @param now epoch milliseconds
 */
export function nextGeneration(storage: DurableObjectStorage, now: number): number {
  return Math.max(now, ...Object.values(readErasure(storage)).map(({ generation }) => generation + 1));
}

/** Whether a database is to be told at `now` (epoch milliseconds), for the first time or again. */
export function isDue({ repeatAt = 0 }: PendingErasure[string], now: number): boolean {
  return repeatAt <= now;
}

/** When the next repetition is due, in epoch milliseconds; undefined where none is. */
export function nextRepetition(storage: DurableObjectStorage): number | undefined {
  const times = Object.values(readErasure(storage)).flatMap(({ repeatAt }) => repeatAt ?? []);
  return times.length > 0 ? Math.min(...times) : undefined;
}

/**
 * Notes that a database has forgotten, unless another erasure came while it was awaited. It is told once more after
 * a while, and only then struck off: where an object was replaced in the middle of a flush, nobody waits any more for
 * the statement that was on its way, and it may have come after the deletion.
 *
 * @param now epoch milliseconds
 */
export function markErased(storage: DurableObjectStorage, database: string, generation: number, now: number): void {
  const { [database]: pending, ...others } = readErasure(storage);
  if (pending?.generation !== generation) return;
  if (pending.repeatAt === undefined)
    storage.kv.put("erasure", { ...others, [database]: { generation, repeatAt: now + ERASURE_REPEAT_DELAY_MS } });
  else if (Object.keys(others).length > 0) storage.kv.put("erasure", others);
  else storage.kv.delete("erasure");
}
