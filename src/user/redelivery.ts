import { coldCutoff } from "../archive/cold-cutoff.ts";
import { encodeEventRow, EVENT_ROW_VERSION } from "../d1/event-row.ts";
import { copyCutoff } from "../d1/retention.ts";
import { byteLength } from "../event/json.ts";
import { MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS } from "../limits.ts";
import { callWriter } from "./call-writer.ts";
import { type EventKey, keyOf, type LogRow, rowsAfter, storedEventOf } from "./event-table.ts";
import type { LogState } from "./stored-values.ts";

export type Redelivered =
  /** How many events were sent, and where to go on; null at the log's end. */
  { ok: true; events: number; next: EventKey | null } | { ok: false; error: string };

/**
 * Sends a part of a log to D1 again, whatever D1 has of it: it ignores what it knows. For a database that was lost or
 * restored. What D1 would not keep is left out. Does not touch the backlog. Never rejects on D1's account.
 *
 * @param after the part begins past this event; null for the beginning
 */
export async function redeliver(
  env: Env,
  sql: SqlStorage,
  state: LogState,
  after: EventKey | null,
): Promise<Redelivered> {
  const { userId, generation, database, only } = state;
  const rows: string[] = [];
  let bytes = 0;
  let last: LogRow | undefined;
  let isCut = false;
  const now = Date.now();
  const oldest = Math.max(copyCutoff(env, now), coldCutoff(env, now));
  const rest = only ? [only] : rowsAfter(sql, after ?? [oldest, "", ""], MAX_STATEMENT_EVENTS);
  for (const row of rest) {
    if (row.timestamp < oldest) continue;
    const encoded = encodeEventRow({ ...storedEventOf(row), user_id: userId, generation });
    bytes += byteLength(encoded) + 1;
    isCut = bytes > MAX_STATEMENT_BYTES && rows.length > 0;
    if (isCut) break;
    rows.push(encoded);
    last = row;
  }
  if (!last) return { ok: true, events: 0, next: null };
  const shipment = { version: EVENT_ROW_VERSION, userId, generation, lacking: rows.length, since: null, rows };
  const outcome = await callWriter(env, database, userId, (writer) => writer.insert(shipment));
  if (!outcome.ok) return { ok: false, error: outcome.error };
  const isWhole = only !== undefined || (!isCut && rows.length < MAX_STATEMENT_EVENTS);
  return { ok: true, events: rows.length, next: isWhole ? null : keyOf(last) };
}
