import { MAX_KEPT_TIME_CHARACTERS } from "../limits.ts";
import type { JsonObject } from "./json.ts";
import { parseTimestamp } from "./timestamp.ts";

// Pure: no clock of its own.

interface MessageTime {
  /** Epoch milliseconds. */
  timestamp: number;
  hasOwnTime: boolean;
  /** The start of the message's own time as it was sent, if that time cannot be used. */
  unusable?: string;
}

/**
 * When a message of Segment's protocol happened: its own first usable time, else its batch's, else now. A wrong clock
 * is no reason for a refusal, because an SDK never retries what was refused.
 *
 * Segment corrects times by the difference between `sentAt` and its own clock; here they are taken as sent. The time is
 * part of an event's identity, and a retry has another `sentAt`.
 *
 * @param envelope the body that holds the batch, or the message itself if it came alone
 * @param now when the request was received, in epoch milliseconds
 */
export function timeOf(message: JsonObject, envelope: JsonObject, now: number): MessageTime {
  const own = [message["timestamp"], message["originalTimestamp"]].filter(isGiven);
  const unusable = own.filter((time) => usable(time, now) === null).map(excerptOf)[0];
  const ownTime = firstUsable(own, now);
  const timestamp = ownTime ?? firstUsable([envelope["timestamp"], envelope["sentAt"]], now) ?? now;
  return { timestamp, hasOwnTime: ownTime !== null, ...(unusable !== undefined && { unusable }) };
}

function isGiven(time: unknown): boolean {
  return time !== undefined && time !== null && time !== "";
}

function firstUsable(times: unknown[], now: number): number | null {
  return times.map((time) => usable(time, now)).find((time) => time !== null) ?? null;
}

function usable(time: unknown, now: number): number | null {
  const parsed = parseTimestamp(time, now);
  return parsed.ok ? parsed.timestamp : null;
}

/** Objects are not encoded, since that could take arbitrarily long. */
function excerptOf(time: unknown): string {
  if (typeof time === "number" || typeof time === "boolean") return String(time);
  if (typeof time !== "string") return "(an object)";
  return time.slice(0, MAX_KEPT_TIME_CHARACTERS).toWellFormed();
}
