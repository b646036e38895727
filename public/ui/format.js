// Texts for numbers and times. Pure.

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hour12: false });
const NUMBER = new Intl.NumberFormat("en-US");

/** The time of day, with milliseconds. */
export function clock(iso) {
  const date = new Date(iso);
  return `${CLOCK.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export function dayAndTime(iso) {
  return DAY_AND_TIME.format(new Date(iso));
}

export function grouped(number) {
  return NUMBER.format(number);
}

/** "1 event", "2 events". */
export function counted(number, one, many = `${one}s`) {
  return `${grouped(number)} ${number === 1 ? one : many}`;
}

/** Milliseconds as text, in seconds from 1,000 on. */
export function duration(ms) {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

/** Roughly how long ago a time was. */
export function ago(iso, now) {
  const seconds = Math.max(0, Math.round((now - new Date(iso)) / 1_000));
  if (seconds < 60) return "just now";
  if (seconds < 3_600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3_600)} h ago`;
  return counted(Math.round(seconds / 86_400), "day") + " ago";
}
