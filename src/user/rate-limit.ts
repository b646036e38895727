import { settingsOf } from "../settings.ts";
import type { RateLimit } from "./token-bucket.ts";

/** The configured rate limit of each user, with the default for a setting that is missing or invalid. */
export function userRateLimit(env: Pick<Env, "RATE_LIMIT_BURST_EVENTS" | "RATE_LIMIT_EVENTS_PER_SECOND">): RateLimit {
  return settingsOf(env).userRateLimit;
}
