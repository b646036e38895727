import { eventBytes, type TrackedEvent } from "../event/contract.ts";
import { mergeJson } from "../event/merge.ts";
import { MAX_EVENT_BYTES } from "../limits.ts";
import { insertRow, keyOf, type LogRow, readRow, updateRow } from "./event-table.ts";
import { withProfileOf } from "./profile.ts";
import type { LogState } from "./stored-values.ts";
import type { VerdictDetail } from "./verdict-detail.ts";
import { addVersion, includesVersion } from "./versions.ts";

/** What became of one event. `detail` is only present if it was asked for. */
export type Verdict =
  | { status: "created"; seq: number; revision: number; late: boolean; detail?: VerdictDetail }
  | { status: "duplicate" | "updated"; seq: number; revision: number; detail?: VerdictDetail }
  | { status: "suppressed" }
  /**
   * It happened before `oldest`, in epoch milliseconds, and events from before that are not kept. Nothing was stored.
   */
  | { status: "expired"; oldest: number }
  /** An update whose merge with the stored event would pass MAX_EVENT_BYTES. Nothing was changed. */
  | { status: "too_large"; bytes: number };

/** The verdict, and the row as it is now if D1 has to get it. */
export interface Recorded {
  verdict: Verdict;
  changed: LogRow | null;
  /** The row as it was, if it was updated. */
  before?: LogRow;
}

/**
 * Records one event: decides whether it is new, a duplicate or an update, and gives it its number. It is synchronous,
 * so that nothing happens between the check and the write. Changes the head and the profile in `state`.
 *
 * @param source the name of the write key
 * @param now when the event was received, in epoch milliseconds
 */
export function recordEvent(
  sql: SqlStorage,
  state: LogState,
  event: TrackedEvent,
  source: string | null,
  now: number,
): Recorded {
  const row = newRow(state, event, source, now);
  if (insertRow(sql, row)) return { verdict: created(state, event), changed: row };
  const recorded = update(state, readRow(sql, keyOf(row))!, event);
  if (recorded.changed) updateRow(sql, recorded.changed);
  return recorded;
}

/** The same for a log without a table, which keeps its only event in its state. All of `events` are that one event. */
export function recordOnly(
  state: LogState,
  events: readonly TrackedEvent[],
  source: string | null,
  now: number,
): Recorded[] {
  return events.map((event) => {
    const row = newRow(state, event, source, now);
    const recorded = state.only ? update(state, state.only, event) : { verdict: created(state, event), changed: row };
    state.only = recorded.changed ?? state.only!;
    return recorded;
  });
}

/** The row of an event that is recorded now, if it is a new one. */
function newRow(state: LogState, event: TrackedEvent, source: string | null, now: number): LogRow {
  return {
    timestamp: event.timestamp,
    event: event.event,
    message_id: event.messageId,
    seq: state.headSeq + 1,
    revision: 1,
    properties: event.properties,
    context: event.context,
    received_at: now,
    source,
    enrichment: event.enrichment || null,
    versions: null,
  };
}

/** Makes a new event the head of the log. */
function created(state: LogState, event: TrackedEvent): Verdict {
  const late = event.timestamp < state.headTimestamp;
  state.headSeq++;
  state.headTimestamp = Math.max(state.headTimestamp, event.timestamp);
  state.profile = withProfileOf(state.profile, event, state.headSeq);
  return { status: "created", seq: state.headSeq, revision: 1, late };
}

/** Merges an event that was sent again into the stored one. Changes the profile in `state`. */
function update(state: LogState, stored: LogRow, event: TrackedEvent): Recorded {
  const { seq, revision } = stored;
  const properties = mergeJson(stored.properties, event.properties);
  const context = mergeJson(stored.context, event.context);
  if ((properties === null && context === null) || includesVersion(stored.versions, event))
    return { verdict: { status: "duplicate", seq, revision }, changed: null };

  const merged = { ...event, properties: properties ?? stored.properties, context: context ?? stored.context };
  const bytes = eventBytes(merged);
  if (bytes > MAX_EVENT_BYTES) return { verdict: { status: "too_large", bytes }, changed: null };

  const changed: LogRow = {
    ...stored,
    properties: merged.properties,
    context: merged.context,
    revision: revision + 1,
    versions: addVersion(stored.versions, stored, event),
  };
  state.profile = withProfileOf(state.profile, event, seq);
  return { verdict: { status: "updated", seq, revision: changed.revision }, changed, before: stored };
}
