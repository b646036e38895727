import { MAX_RETRY_DELAY_MS, MIN_RETRY_DELAY_MS } from "../limits.ts";

/**
 * How long to wait after so many failures in a row: exponential with jitter, in milliseconds.
 *
 * @param random from 0 to 1; spreads the users' objects over half of the wait when D1 comes back
 */
export function retryDelay(failures: number, random: number): number {
  const ceiling = Math.min(MAX_RETRY_DELAY_MS, MIN_RETRY_DELAY_MS * 2 ** (failures - 1));
  return Math.round(ceiling * (0.5 + 0.5 * random));
}
