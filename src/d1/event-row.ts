/** A row of the D1 table `events` as a user's object sends it; D1 adds the position. */
export interface EventRow {
  user_id: string;
  generation: number;
  seq: number;
  revision: number;
  event: string;
  timestamp: number;
  message_id: string | null;
  /** JSON text of an object. */
  properties: string;
  /** JSON text of an object. */
  context: string;
  received_at: number;
  source: string | null;
}

/** A row as one element of the statement's JSON parameter, in the order of the statement's columns. */
export function encodeEventRow(row: EventRow): string {
  return JSON.stringify([
    row.user_id,
    row.generation,
    row.seq,
    row.revision,
    row.event,
    row.timestamp,
    row.message_id,
    row.properties,
    row.context,
    row.received_at,
    row.source,
  ]);
}
