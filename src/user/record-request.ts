import type { TrackedEvent } from "../event/contract.ts";
import { createEventTable, insertRow, keyOf } from "./event-table.ts";
import { withKnownTime } from "./known-time.ts";
import { recordEvent, type Recorded, recordOnly } from "./record-event.ts";
import type { LogState, ValueStore } from "./stored-values.ts";

/** A user's storage, inside a transaction. */
interface Storage {
  sql: SqlStorage;
  values: ValueStore;
}

/**
 * Records a request's events in their order, and changes `state` accordingly. The results are in the order of the
 * events.
 *
 * @param now when the request was received, in epoch milliseconds
 * @param oldest events that happened before this time, in epoch milliseconds, are refused
 */
export function recordRequest(
  { sql, values }: Storage,
  state: LogState,
  events: readonly TrackedEvent[],
  source: string | null,
  now: number,
  oldest: number,
): Recorded[] {
  const timed = events.map((event) => withKnownTime(values, event, oldest));
  const taken = timed.filter(({ timestamp }) => timestamp >= oldest);
  const recorded = isOfOneEvent(state, taken)
    ? recordOnly(state, taken, source, now)
    : recordInTable(sql, state, taken, source, now);
  const rest = recorded.values();
  return timed.map(({ timestamp }) => (timestamp < oldest ? expired(oldest) : rest.next().value!));
}

/**
 * Whether the log needs no table even after these events, because they are all one event that was sent again or
 * updated.
 */
function isOfOneEvent({ headSeq, only }: LogState, events: readonly TrackedEvent[]): boolean {
  if (headSeq > 0 && !only) return false;
  const [first] = events;
  const [timestamp, event, messageId] = only
    ? keyOf(only)
    : first
      ? [first.timestamp, first.event, first.messageId]
      : [];
  return events.every(
    (other) => other.timestamp === timestamp && other.event === event && other.messageId === messageId,
  );
}

/** Creates the table if it is missing. Only called for events besides the first, so an empty table is never created. */
function recordInTable(
  sql: SqlStorage,
  state: LogState,
  events: readonly TrackedEvent[],
  source: string | null,
  now: number,
): Recorded[] {
  if (state.headSeq === 0 || state.only) createEventTable(sql);
  if (state.only) insertRow(sql, state.only);
  delete state.only;
  return events.map((event) => recordEvent(sql, state, event, source, now));
}

function expired(oldest: number): Recorded {
  return { verdict: { status: "expired", oldest }, changed: null };
}
