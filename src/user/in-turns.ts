import { MAX_CONCURRENT_CALLS } from "../limits.ts";

/**
 * Calls something for each item, at most MAX_CONCURRENT_CALLS at a time, and returns the results in the items' order.
 * Rejects with the first rejection. The other items are still called.
 */
export async function inTurns<T, R>(items: readonly T[], call: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  // All workers share one iterator, so each takes the next item that is left.
  const rest = items.entries();
  const work = async () => {
    for (const [index, item] of rest) results[index] = await call(item);
  };
  await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT_CALLS, items.length) }, work));
  return results;
}
