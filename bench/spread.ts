export interface Spread {
  median: number;
  min: number;
  max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), min: quantile(values, 0), max: quantile(values, 1) };
}

/** The value below which the given share of the values lies. It is interpolated between neighbours. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)]!;
  return below + (sorted[Math.ceil(at)]! - below) * (at % 1);
}

/** A median, and an interval that holds the true median in 95 of 100 runs, for any distribution of the values. */
export interface Estimate {
  median: number;
  low: number;
  high: number;
}

/** The interval is that of the sign test: its ends are the values at the ranks between which a fair coin falls in 95 %. */
export function medianOf(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const outside = Math.max(0, Math.floor((sorted.length - 1.96 * Math.sqrt(sorted.length)) / 2));
  return { median: quantile(values, 0.5), low: sorted[outside]!, high: sorted[sorted.length - 1 - outside]! };
}
