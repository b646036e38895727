import { DAY_MS, floorTo } from "../d1/hour.ts";
import { settingsOf } from "../settings.ts";
import { archiveBucket } from "./bucket.ts";

/**
 * The time before which only the logs keep events and D1 does not, in epoch milliseconds. It is the beginning of a day.
 * 0 if `D1_DAYS` is not set, or if there is an archive, which removes the events from D1 itself once it has them.
 *
 * @param now epoch milliseconds
 */
export function coldCutoff(env: Env, now: number): number {
  const { d1Days } = settingsOf(env);
  return d1Days === null || archiveBucket(env) ? 0 : Math.max(0, floorTo(DAY_MS, now - d1Days * DAY_MS));
}
