/** The earlier of two times; null stands for none. */
export function earlierTime(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
