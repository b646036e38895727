export const HOUR_MS = 60 * 60 * 1000;
export const DAY_MS = 24 * HOUR_MS;

/** Rounds a time down to a multiple of a length; all in milliseconds. */
export function floorTo(length: number, time: number): number {
  return time - (time % length);
}

/** Rounds a time up to a multiple of a length; all in milliseconds. */
export function ceilTo(length: number, time: number): number {
  return floorTo(length, time + length - 1);
}

/** The UTC day of a time in epoch milliseconds, as YYYY-MM-DD. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, "YYYY-MM-DD".length);
}
