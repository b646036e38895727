import type { EventWork } from "./event-work.ts";

// Cloudflare's list prices in USD, beyond what the paid plan includes
// (developers.cloudflare.com/workers/platform/pricing, /durable-objects/platform/pricing, /d1/platform/pricing).
const MILLION_REQUESTS = 0.3;
const MILLION_CPU_MS = 0.02;
const MILLION_OBJECT_REQUESTS = 0.15;
const MILLION_GB_SECONDS = 12.5;
const MILLION_ROWS_WRITTEN = 1;
const MILLION_ROWS_READ = 0.001;

// What cannot be counted here, since it is Cloudflare's machines and network that decide it: assumptions.
const OBJECT_GB = 0.128;
const CPU_MS_PER_REQUEST = 1.5;
const CPU_MS_PER_FURTHER_EVENT = 0.045;
/** How long a call keeps an object busy; an alarm waits for D1 besides. */
const OBJECT_SECONDS_PER_CALL = 0.005;
const OBJECT_SECONDS_PER_ALARM = 0.055;

/**
 * The price of a million events that each do this work:
 * requests + CPU + objects' requests + objects' duration + rows written and read, in objects and in D1.
 */
export function usdPerMillionEvents(work: EventWork): number {
  const cpuMs = work.requests * CPU_MS_PER_REQUEST + (1 - work.requests) * CPU_MS_PER_FURTHER_EVENT;
  const objectSeconds = work.objectCalls * OBJECT_SECONDS_PER_CALL + work.alarms * OBJECT_SECONDS_PER_ALARM;
  return (
    work.requests * MILLION_REQUESTS +
    cpuMs * MILLION_CPU_MS +
    work.objectCalls * MILLION_OBJECT_REQUESTS +
    objectSeconds * OBJECT_GB * MILLION_GB_SECONDS +
    (work.objectRowsWritten + work.d1RowsWritten) * MILLION_ROWS_WRITTEN +
    (work.objectRowsRead + work.d1RowsRead) * MILLION_ROWS_READ
  );
}
