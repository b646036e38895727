import { formatTimestamp } from "../../event/timestamp.ts";

/** The columns of a stored event, as both the user's log and D1 have them. */
interface StoredEvent {
  event: string;
  timestamp: number;
  message_id: string | null;
  seq: number;
  revision: number;
  properties: string;
  context: string;
  received_at: number;
  source: string | null;
}

/** A stored event as it is answered: times as ISO-8601, properties and context as JSON instead of its text. */
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
