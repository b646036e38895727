// The ranges of the charts and their steps, in milliseconds.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const RANGES = [
  { name: "1h", title: "Last hour", by: "minute", length: HOUR, step: MINUTE, refresh: 15_000 },
  { name: "24h", title: "Last 24 hours", by: "hour", length: DAY, step: HOUR, refresh: 60_000 },
  { name: "7d", title: "Last 7 days", by: "hour", length: 7 * DAY, step: HOUR, refresh: 60_000 },
  { name: "30d", title: "Last 30 days", by: "day", length: 30 * DAY, step: DAY, refresh: 60_000 },
  { name: "90d", title: "Last 90 days", by: "day", length: 90 * DAY, step: DAY, refresh: 60_000 },
];

export const ACTIVE_DAYS = 30;

export function rangeNamed(name) {
  return RANGES.find((range) => range.name === name) ?? RANGES[1];
}

/** The bounds of a range that ends now, widened to whole steps. Times are epoch milliseconds. */
export function boundsOf({ length, step }, now) {
  const to = now - (now % step) + step;
  return { from: to - length, to };
}

/** The beginning of each step. */
export function stepsOf({ from, to }, step) {
  return Array.from({ length: Math.round((to - from) / step) }, (_, index) => from + index * step);
}
