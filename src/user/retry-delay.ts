import type { D1Failure } from "../d1/d1-failure.ts";
import {
  MAX_AWAY_DELAY_MS,
  MAX_DEPLOY_DELAY_MS,
  MAX_LASTING_DELAY_MS,
  MIN_LASTING_DELAY_MS,
  MIN_RETRY_DELAY_MS,
} from "../limits.ts";

/** The first wait and the longest one, in milliseconds. */
const BOUNDS: Record<D1Failure, [first: number, longest: number]> = {
  away: [MIN_RETRY_DELAY_MS, MAX_AWAY_DELAY_MS],
  busy: [MIN_RETRY_DELAY_MS, MAX_AWAY_DELAY_MS],
  // A deployment is under way and will be over soon.
  unmigrated: [MIN_RETRY_DELAY_MS, MAX_DEPLOY_DELAY_MS],
  unknown_version: [MIN_RETRY_DELAY_MS, MAX_DEPLOY_DELAY_MS],
  // This will not change by itself soon, and each user's attempts cost.
  full: [MIN_LASTING_DELAY_MS, MAX_LASTING_DELAY_MS],
  exhausted: [MIN_LASTING_DELAY_MS, MAX_LASTING_DELAY_MS],
};

/**
 * How long to wait after a number of failures in a row, in milliseconds. The wait is exponential, with jitter.
 *
 * @param random from 0 to 1; spreads the users' retries over half of the wait, so that they do not all come at once
 */
export function retryDelay(failure: D1Failure, failures: number, random: number): number {
  const [first, longest] = BOUNDS[failure];
  const ceiling = Math.min(longest, first * 2 ** (failures - 1));
  return Math.round(ceiling * (0.5 + 0.5 * random));
}
