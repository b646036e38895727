import { ceilTo, DAY_MS, floorTo, HOUR_MS } from "../d1/hour.ts";
import { MAX_HOURS_RANGE_DAYS, COUNTER_DAYS, MAX_MINUTES_RANGE_MS } from "../limits.ts";

/** What numbers are told apart by. */
export const DIMENSIONS = ["minute", "hour", "day", "event", "key", "verdict"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** A question to the counters, with bounds that fit what it is grouped by. */
export interface StatsQuery {
  /** Epoch milliseconds, inclusive. */
  from: number;
  /** Epoch milliseconds, exclusive. */
  to: number;
  by: ReadonlySet<Dimension>;
  /** Only events of this name. */
  event?: string | undefined;
  /** Only events that came with the write key of this name. */
  key?: string | undefined;
}

/** A group of events. Fields that were not asked for are missing; `users` is there only where it is exact. */
export interface StatsRow {
  /** The beginning of the minute, the hour or the day, in epoch milliseconds. */
  time?: number;
  event?: string;
  key?: string;
  verdict?: string;
  events: number;
  users?: number | null;
}

const MINUTE_MS = 60_000;

/** How fine the times of an answer are, in milliseconds. */
export function spanOf(by: ReadonlySet<Dimension>): number {
  return by.has("minute") ? MINUTE_MS : by.has("day") ? DAY_MS : HOUR_MS;
}

/** What does not fit together, as a detail of the query's `by`; null where all is well. */
export function misfitOf(by: ReadonlySet<Dimension>, event: string | undefined): string | null {
  const times = (["minute", "hour", "day"] as const).filter((time) => by.has(time));
  if (times.length > 1) return `names ${times.join(" and ")}: only one of minute, hour and day goes`;
  if (!by.has("verdict")) return null;
  if (by.has("minute")) return "names verdict and minute: verdicts are counted by the hour";
  if (by.has("event") || event !== undefined)
    return "names verdict and an event: verdicts are counted for all events together";
  return null;
}

/** Widens a range to whole minutes, hours or days. */
export function widened({ from, to }: { from: number; to: number }, by: ReadonlySet<Dimension>) {
  const span = spanOf(by);
  return { from: floorTo(span, from), to: ceilTo(span, to) };
}

/** The longest range, in milliseconds. */
export function longestRange(by: ReadonlySet<Dimension>): number {
  if (by.has("minute")) return MAX_MINUTES_RANGE_MS;
  return (by.has("hour") ? MAX_HOURS_RANGE_DAYS : COUNTER_DAYS) * DAY_MS;
}
