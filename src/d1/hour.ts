export const HOUR_MS = 60 * 60 * 1000;
export const DAY_MS = 24 * HOUR_MS;

/** The beginning of a span of this length that a time is in; all in milliseconds. */
export function floorTo(length: number, time: number): number {
  return time - (time % length);
}

/** The time itself where a span begins with it, else the beginning of the next one. */
export function ceilTo(length: number, time: number): number {
  return floorTo(length, time + length - 1);
}

/** The day of UTC that a time in epoch milliseconds is in, as YYYY-MM-DD. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, "YYYY-MM-DD".length);
}
