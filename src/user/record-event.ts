import { eventBytes, type TrackedEvent } from "../event/contract.ts";
import { mergeJson } from "../event/merge.ts";
import { MAX_EVENT_BYTES } from "../limits.ts";
import { insertRow, type LogRow, readRow, updateRow } from "./event-table.ts";
import { withProfileOf } from "./profile.ts";
import type { LogState, ValueStore } from "./stored-values.ts";
import type { VerdictDetail } from "./verdict-detail.ts";
import { addVersion, includesVersion } from "./versions.ts";

/** What became of one event. `detail` is there only if it was asked for. */
export type Verdict =
  | { status: "created"; seq: number; revision: number; late: boolean; detail?: VerdictDetail }
  | { status: "duplicate" | "updated"; seq: number; revision: number; detail?: VerdictDetail }
  | { status: "suppressed" }
  /** An update whose merge with the stored event would pass MAX_EVENT_BYTES. Nothing was changed. */
  | { status: "too_large"; bytes: number };

/** The verdict, and the row as it is now where D1 has to get it. */
export interface Recorded {
  verdict: Verdict;
  changed: LogRow | null;
  /** The row as it was, if it was updated. */
  before?: LogRow;
}

/**
 * Records one event: identity, order and update in one place. Synchronous, so that nothing comes between the check
 * and the write. Moves the state's head and profile on.
 *
 * @param source the name of the write key
 * @param now when the event was received, in epoch milliseconds
 */
export function recordEvent(
  { sql, values, state }: { sql: SqlStorage; values: ValueStore; state: LogState },
  sent: TrackedEvent,
  source: string | null,
  now: number,
): Recorded {
  const event = withKnownTime(values, sent);
  const row = newRow(state, event, source, now);
  if (!insertRow(sql, row)) return updateEvent(sql, state, event);
  return { verdict: created(state, event), changed: row };
}

/** The row of an event that is recorded now, should it be a new one. */
export function newRow(state: LogState, event: TrackedEvent, source: string | null, now: number): LogRow {
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

/** Moves the head on to a new event. */
export function created(state: LogState, event: TrackedEvent): Verdict {
  const late = event.timestamp < state.headTimestamp;
  state.headSeq++;
  state.headTimestamp = Math.max(state.headTimestamp, event.timestamp);
  state.profile = withProfileOf(state.profile, event, state.headSeq);
  return { status: "created", seq: state.headSeq, revision: 1, late };
}

/**
 * A message with an id of its own and no time got that of its receipt or of its batch, which is another one with every
 * retry. So the log keeps its first time, by event and id. Only such messages pay the row.
 */
export function withKnownTime(values: ValueStore, event: TrackedEvent): TrackedEvent {
  if (event.hasOwnTime || !event.hasOwnId) return event;
  const name = `time:${event.event}\0${event.messageId}` as const;
  const timestamp = values.get(name);
  if (timestamp !== undefined) return { ...event, timestamp };
  values.put(name, event.timestamp);
  return event;
}

function updateEvent(sql: SqlStorage, state: LogState, event: TrackedEvent): Recorded {
  const stored = readRow(sql, [event.timestamp, event.event, event.messageId])!;
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
  updateRow(sql, changed);
  state.profile = withProfileOf(state.profile, event, seq);
  return { verdict: { status: "updated", seq, revision: changed.revision }, changed, before: stored };
}
