import { coldCutoff } from "../archive/cold-cutoff.ts";
import type { ErasedKey } from "../d1/erase-events.ts";
import { encodeEventRow, EVENT_ROW_VERSION } from "../d1/event-row.ts";
import { copyCutoff } from "../d1/retention.ts";
import { byteLength } from "../event/json.ts";
import { MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS } from "../limits.ts";
import { callWriter } from "./call-writer.ts";
import { type EventKey, keyOf, type LogRow, rowsAfter, storedEventOf } from "./event-table.ts";
import type { LogState } from "./stored-values.ts";
import { databaseOf, sharedTimes } from "./stretches.ts";

export type Redelivered =
  /** How many events were sent, and where to continue; null at the log's end. */
  { ok: true; events: number; next: EventKey | null } | { ok: false; error: string };

/**
 * Sends a part of a log again to a database that was lost or restored. The database ignores the events that it has.
 * Events that D1 would not keep are left out. Events that belong to other databases are removed from this one, because
 * a restore may have brought them back. Does not change the backlog. Does not reject if D1 fails, but returns the
 * error.
 *
 * @param after the part begins after this event; null for the beginning
 */
export async function redeliver(
  env: Env,
  sql: SqlStorage,
  state: LogState,
  database: string,
  after: EventKey | null,
): Promise<Redelivered> {
  const { userId, generation, only, moved } = state;
  const rows: string[] = [];
  const times: number[] = [];
  const leftovers: ErasedKey[] = [];
  let [count, bytes, isCut] = [0, 0, false];
  let last: LogRow | undefined;
  const now = Date.now();
  const oldest = Math.max(copyCutoff(env, now), coldCutoff(env, now));
  // Begin at the first event if the log has moved, because a restore may also have brought back older events that
  // belong elsewhere.
  const beginning: EventKey = [moved ? -1 : oldest, "", ""];
  for (const row of only ? [only] : rowsAfter(sql, after ?? beginning, MAX_STATEMENT_EVENTS)) {
    if (databaseOf(state, row.seq) !== database) leftovers.push([row.timestamp, row.seq]);
    else if (row.timestamp >= oldest) {
      const encoded = encodeEventRow({ ...storedEventOf(row), user_id: userId, generation });
      bytes += byteLength(encoded) + 1;
      isCut = bytes > MAX_STATEMENT_BYTES && rows.length > 0;
      if (isCut) break;
      rows.push(encoded);
      times.push(row.timestamp);
    }
    count++;
    last = row;
  }
  if (!last) return { ok: true, events: 0, next: null };
  const about = { version: EVENT_ROW_VERSION, userId, generation, ...(moved && { moves: moved.moves }) };
  if (leftovers.length > 0) {
    const removed = await callWriter(env, database, userId, (writer) =>
      writer.removeLeftovers({ ...about, keys: leftovers }),
    );
    if (!removed.ok) return { ok: false, error: removed.error };
  }
  if (rows.length > 0) {
    const shared = sharedTimes(state, times);
    const shipment = { ...about, lacking: rows.length, since: null, rows, shared };
    const inserted = await callWriter(env, database, userId, (writer) => writer.insert(shipment));
    if (!inserted.ok) return { ok: false, error: inserted.error };
  }
  const isWhole = only !== undefined || (!isCut && count < MAX_STATEMENT_EVENTS);
  return { ok: true, events: rows.length, next: isWhole ? null : keyOf(last) };
}
