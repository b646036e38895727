import type { StoredEvent } from "../../event/stored-event.ts";
import { formatTimestamp } from "../../event/timestamp.ts";

/** A stored event as answers show it: times as ISO-8601, properties and context as JSON values instead of texts. */
export function presentEvent(stored: StoredEvent) {
  return {
    event: stored.event,
    timestamp: formatTimestamp(stored.timestamp),
    properties: JSON.parse(stored.properties) as unknown,
    context: JSON.parse(stored.context) as unknown,
    message_id: stored.message_id,
    seq: stored.seq,
    revision: stored.revision,
    received_at: formatTimestamp(stored.received_at),
    source: stored.source,
  };
}
