import { DAY_MS, floorTo } from "../d1/hour.ts";
import { settingsOf } from "../settings.ts";
import { archiveBucket } from "./bucket.ts";

/**
 * The time before which D1 keeps no events though the logs do, in epoch milliseconds: a whole day's beginning. 0 where
 * `D1_DAYS` is not set, and where there is an archive, which takes them first and then removes them itself.
 *
 * @param now epoch milliseconds
 */
export function coldCutoff(env: Env, now: number): number {
  const { d1Days } = settingsOf(env);
  return d1Days === null || archiveBucket(env) ? 0 : Math.max(0, floorTo(DAY_MS, now - d1Days * DAY_MS));
}
