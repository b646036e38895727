import { ceilTo, DAY_MS, floorTo, HOUR_MS } from "../d1/hour.ts";
import { MAX_HOURS_RANGE_DAYS, COUNTER_DAYS, MAX_MINUTES_RANGE_MS } from "../limits.ts";

/** The dimensions that numbers can be grouped by. */
export const DIMENSIONS = ["minute", "hour", "day", "event", "key", "verdict"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

/** A query to the counters, with a range in whole units of its grouping. */
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

/** A group of events. Fields that were not asked for are missing; `users` is present only if it is exact. */
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

/** The unit of an answer's times, in milliseconds. */
export function spanOf(by: ReadonlySet<Dimension>): number {
  return by.has("minute") ? MINUTE_MS : by.has("day") ? DAY_MS : HOUR_MS;
}

/** Why the dimensions cannot be combined, as a fault's detail for `by`; null if they can. */
export function misfitOf(by: ReadonlySet<Dimension>, event: string | undefined): string | null {
  const times = (["minute", "hour", "day"] as const).filter((time) => by.has(time));
  if (times.length > 1) return `names ${times.join(" and ")}: choose one of minute, hour and day`;
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

/** The longest range for these dimensions, in milliseconds. */
export function longestRange(by: ReadonlySet<Dimension>): number {
  if (by.has("minute")) return MAX_MINUTES_RANGE_MS;
  return (by.has("hour") ? MAX_HOURS_RANGE_DAYS : COUNTER_DAYS) * DAY_MS;
}
