import { MAX_KEPT_TIME_CHARACTERS } from "../limits.ts";
import type { JsonObject } from "./json.ts";
import { parseTimestamp } from "./timestamp.ts";

// Pure: no clock of its own.

interface MessageTime {
  /** Epoch milliseconds. */
  timestamp: number;
  hasOwnTime: boolean;
  /** The start of the message's own time as it was sent, if it cannot be used. */
  unusable?: string;
}

/**
 * When a message of Segment's protocol happened: the first usable one of its own times, else of its batch's, else now.
 * An SDK takes a refusal for final, so an event would be lost for a wrong clock.
 *
 * Times are taken as they were sent, not moved by the difference between `sentAt` and our clock as Segment does: the
 * time is part of an event's identity, and a retry has another `sentAt`.
 *
 * @param envelope what is around the messages; a message that came alone is its own
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

/** Nothing of an object but that it was one: encoding it could take as long as it likes. */
function excerptOf(time: unknown): string {
  if (typeof time === "number" || typeof time === "boolean") return String(time);
  if (typeof time !== "string") return "(an object)";
  return time.slice(0, MAX_KEPT_TIME_CHARACTERS).toWellFormed();
}
