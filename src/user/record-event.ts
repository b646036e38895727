import { eventBytes, type TrackedEvent } from "../event/contract.ts";
import { mergeJson } from "../event/merge.ts";
import { MAX_EVENT_BYTES } from "../limits.ts";

/** What became of one event. */
export type Verdict =
  | { status: "created"; seq: number; revision: number; late: boolean }
  | { status: "duplicate" | "updated"; seq: number; revision: number }
  | { status: "suppressed" }
  /** An update whose merge with the stored event would pass MAX_EVENT_BYTES. Nothing was changed. */
  | { status: "too_large"; bytes: number };

/** How far the log has come; kept by the caller over the events of one request. */
interface LogHead {
  seq: number;
  /** The latest event time, in epoch milliseconds; -1 in an empty log. */
  timestamp: number;
}

/** Costs the same for any length of the log. */
export function readHead(sql: SqlStorage): LogHead {
  return sql
    .exec<{ seq: number; timestamp: number }>(
      "SELECT coalesce((SELECT max(seq) FROM events), 0) AS seq, coalesce((SELECT max(timestamp) FROM events), -1) AS timestamp",
    )
    .one();
}

/**
 * Records one event: identity, order and update in one place. Synchronous, so that nothing comes between the check
 * and the write. Moves `head` on.
 *
 * @param now when the event was received, in epoch milliseconds
 */
export function recordEvent(
  sql: SqlStorage,
  head: LogHead,
  event: TrackedEvent,
  source: string | null,
  now: number,
): Verdict {
  const seq = head.seq + 1;
  const inserted = sql.exec(
    `INSERT INTO events (seq, timestamp, event, message_id, revision, properties, context, received_at, source)
     VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?) ON CONFLICT (timestamp, event, message_id) DO NOTHING RETURNING seq`,
    seq,
    event.timestamp,
    event.event,
    event.messageId,
    event.properties,
    event.enrichment ? (mergeJson(event.enrichment, event.context) ?? event.enrichment) : event.context,
    now,
    source,
  );
  if (inserted.next().done) return updateEvent(sql, event);

  const late = event.timestamp < head.timestamp;
  head.seq = seq;
  head.timestamp = Math.max(head.timestamp, event.timestamp);
  return { status: "created", seq, revision: 1, late };
}

function updateEvent(sql: SqlStorage, event: TrackedEvent): Verdict {
  const stored = sql
    .exec<{ seq: number; revision: number; properties: string; context: string }>(
      "SELECT seq, revision, properties, context FROM events WHERE timestamp = ? AND event = ? AND message_id = ?",
      event.timestamp,
      event.event,
      event.messageId,
    )
    .one();
  const properties = mergeJson(stored.properties, event.properties);
  const context = mergeJson(stored.context, event.context);
  if (properties === null && context === null)
    return { status: "duplicate", seq: stored.seq, revision: stored.revision };

  const merged = { ...event, properties: properties ?? stored.properties, context: context ?? stored.context };
  const bytes = eventBytes(merged);
  if (bytes > MAX_EVENT_BYTES) return { status: "too_large", bytes };

  const revision = stored.revision + 1;
  sql.exec(
    "UPDATE events SET properties = ?, context = ?, revision = ? WHERE seq = ?",
    merged.properties,
    merged.context,
    revision,
    stored.seq,
  );
  sql.exec("INSERT OR REPLACE INTO changed (seq, revision) VALUES (?, ?)", stored.seq, revision);
  return { status: "updated", seq: stored.seq, revision };
}
