import type { ErasedKey } from "../d1/erase-events.ts";
import { MAX_ERASED_KEYS } from "../limits.ts";
import type { LogState, ValueStore } from "./stored-values.ts";

/**
 * Notes what D1 has to forget: the keys of all events of a log, in packs. D1 has no index by user, so without them its
 * rows could only be found by reading all of it. The keys are times and numbers; what the user did is gone at once.
 */
export function eraseEventTable(sql: SqlStorage, values: ValueStore, state: LogState): void {
  const { userId, database, generation } = state;
  let next = 0;
  let pack: ErasedKey[] = [];
  for (const { timestamp, seq } of state.only ? [state.only] : keysOf(sql)) {
    pack.push([timestamp, seq]);
    if (pack.length < MAX_ERASED_KEYS) continue;
    values.put(`erased:${generation}:${next++}`, pack);
    pack = [];
  }
  if (pack.length > 0) values.put(`erased:${generation}:${next++}`, pack);
  values.put(`erasure:${generation}`, { userId, database, first: 0, next });
}

function keysOf(sql: SqlStorage): Iterable<{ timestamp: number; seq: number }> {
  return sql.exec<{ timestamp: number; seq: number }>("SELECT timestamp, seq FROM events");
}
