import { ARCHIVE_CHUNK_ROWS, LINGER_MS } from "../src/limits.ts";
import type { Archiving } from "./archive.ts";
import type { EventWork, StorageUse } from "./event-work.ts";

// Cloudflare's list prices in USD, beyond what the paid plan includes
// (developers.cloudflare.com/workers/platform/pricing, /durable-objects/platform/pricing, /d1/platform/pricing).
const MILLION_REQUESTS = 0.3;
const MILLION_CPU_MS = 0.02;
const MILLION_OBJECT_REQUESTS = 0.15;
/** An object is billed for 128 MB while it is awake with something to do: 0.128 × 12.50 USD per million GB-seconds. */
const MILLION_OBJECT_SECONDS = 0.128 * 12.5;
/** In objects and in D1. A set alarm, a written or deleted key, and a deleted row each count as a row. */
const MILLION_ROWS_WRITTEN = 1;
const MILLION_ROWS_READ = 0.001;
const OBJECT_GB_MONTH = 0.2;
const D1_GB_MONTH = 0.75;
/** R2 (developers.cloudflare.com/r2/pricing): calls that write or list. Reads cost a twelfth, and deletes nothing. */
const MILLION_R2_WRITES = 4.5;
const R2_GB_MONTH = 0.015;
/** Calls of all kinds for a file of 25,000 events. Each is counted at the price of a write, which is still negligible. */
const R2_CALLS_PER_FILE = 20;

// The following are assumptions. They cannot be counted here, because they depend on Cloudflare's machines and network.
const CPU_MS_PER_REQUEST = 1.5;
const CPU_MS_PER_FURTHER_EVENT = 0.045;
/** How long a call alone keeps a user's object busy. An alarm that finds nothing to do also counts as a call. */
const OBJECT_SECONDS_PER_CALL = 0.005;
/** The round trip of a transaction with one statement. D1 stores it in several places before it answers. */
const D1_SECONDS = 0.05;
/**
 * While an object waits for its writer, the pending `waitUntil` is billed as its duration. It waits until the statement is
 * filled, then on average for half of the statement before it, and for its own statement.
 */
const OBJECT_SECONDS_PER_DELIVERY = LINGER_MS / 1000 + 1.5 * D1_SECONDS;
/** A writer is awake for as long as its statements take. The users in a statement share this time. */
const WRITER_SECONDS_PER_STATEMENT = LINGER_MS / 1000 + D1_SECONDS;

/**
 * The price of a million events that each do this work:
 * requests + CPU + objects' requests + objects' duration + rows written and read, in objects and in D1.
 * The objects' figures include the writer's calls and its duration. Storage is not included: it is billed by the month.
 */
export function usdPerMillionEvents(work: EventWork): number {
  const cpuMs = work.requests * CPU_MS_PER_REQUEST + (1 - work.requests) * CPU_MS_PER_FURTHER_EVENT;
  const objectSeconds =
    (work.objectCalls - work.writerCalls) * OBJECT_SECONDS_PER_CALL +
    work.writerCalls * OBJECT_SECONDS_PER_DELIVERY +
    work.d1Calls * WRITER_SECONDS_PER_STATEMENT;
  return (
    work.requests * MILLION_REQUESTS +
    cpuMs * MILLION_CPU_MS +
    work.objectCalls * MILLION_OBJECT_REQUESTS +
    objectSeconds * MILLION_OBJECT_SECONDS +
    (work.objectRowsWritten + work.d1RowsWritten) * MILLION_ROWS_WRITTEN +
    (work.objectRowsRead + work.d1RowsRead) * MILLION_ROWS_READ
  );
}

/** The price of keeping a million events for a month, in their objects and in D1. 1 byte per event is 1 MB per million. */
export function usdPerMonthOfMillionEvents({ objectBytesPerEvent, d1BytesPerEvent }: StorageUse): number {
  return (objectBytesPerEvent * OBJECT_GB_MONTH + d1BytesPerEvent * D1_GB_MONTH) / 1000;
}

/** The price of moving a million events from D1 to the archive: the rows that D1 reads and deletes, and R2's calls. */
export function usdPerMillionArchived({ d1RowsRead, d1RowsWritten }: Archiving): number {
  const files = 1e6 / ARCHIVE_CHUNK_ROWS;
  return (
    d1RowsWritten * MILLION_ROWS_WRITTEN +
    d1RowsRead * MILLION_ROWS_READ +
    (files * R2_CALLS_PER_FILE * MILLION_R2_WRITES) / 1e6
  );
}

/** The price of keeping a million events for a month, in D1 and in the archive. */
export function usdPerMonthOfMillionArchived({ d1BytesPerEvent, archiveBytesPerEvent }: Archiving) {
  return { d1: (d1BytesPerEvent * D1_GB_MONTH) / 1000, archive: (archiveBytesPerEvent * R2_GB_MONTH) / 1000 };
}
