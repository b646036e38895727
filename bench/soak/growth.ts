import { quantile } from "../spread.ts";

/** A measurement at a time, in seconds. */
export type Point = readonly [seconds: number, value: number];

/**
 * How much a value grew over the points: the median of the slopes between all pairs (Theil and Sen), by which a few wild
 * points move nothing, times the time from first to last.
 */
export function growthOf(points: readonly Point[]): number {
  const slopes: number[] = [];
  for (const [index, [time, value]] of points.entries())
    for (const [later, valueThen] of points.slice(index + 1)) slopes.push((valueThen - value) / (later - time));
  if (slopes.length === 0) return 0;
  return quantile(slopes, 0.5) * (points.at(-1)![0] - points[0]![0]);
}

/** The later half: in the first one heaps and caches fill, as they do once in a process's life. */
export function laterHalf(points: readonly Point[]): Point[] {
  const [begin, end] = [points[0]![0], points.at(-1)![0]];
  return points.filter(([time]) => time >= (begin + end) / 2);
}
