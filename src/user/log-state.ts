import type { TokenBucket } from "./token-bucket.ts";

/** What a user's log knows of itself. Written when the log is begun, and when D1 has got more of it. */
export interface LogState {
  /** When the log was begun, in epoch milliseconds. Tells its rows in D1 from those of an erased predecessor. */
  generation: number;
  /** The binding of the D1 database that this log is copied to. Chosen at birth, kept for ever. */
  database: string;
  /** D1 has every event up to this seq, in some revision. */
  shippedSeq: number;
  /** The user's rate as of the last shipment: it rides along, since a row of its own would cost as much as an event. */
  bucket?: TokenBucket;
}

export function readLogState(storage: DurableObjectStorage): LogState | undefined {
  return storage.kv.get<LogState>("log");
}

export function writeLogState(storage: DurableObjectStorage, state: LogState): void {
  storage.kv.put("log", state);
}
