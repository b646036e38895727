import { quantile } from "../spread.ts";

/** A measurement at a time, in seconds. */
export type Point = readonly [seconds: number, value: number];

/**
 * How much a value grew over the points: the median of the slopes between all pairs (Theil and Sen), multiplied by the time
 * from the first to the last. A few outliers do not change this median.
 */
export function growthOf(points: readonly Point[]): number {
  const slopes: number[] = [];
  for (const [index, [time, value]] of points.entries())
    for (const [later, valueThen] of points.slice(index + 1)) slopes.push((valueThen - value) / (later - time));
  if (slopes.length === 0) return 0;
  return quantile(slopes, 0.5) * (points.at(-1)![0] - points[0]![0]);
}

/** The later half of the points. In the first half, heaps and caches fill, which happens once in a process. */
export function laterHalf(points: readonly Point[]): Point[] {
  const [begin, end] = [points[0]![0], points.at(-1)![0]];
  return points.filter(([time]) => time >= (begin + end) / 2);
}
