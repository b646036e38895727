import { counted, duration } from "../format.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A span of time in a suitable unit. */
export function span(ms) {
  if (ms < MINUTE) return duration(ms);
  if (ms < HOUR) return counted(Math.round(ms / MINUTE), "minute");
  if (ms < 2 * DAY) return counted(Math.round(ms / HOUR), "hour");
  return counted(Math.round(ms / DAY), "day");
}
