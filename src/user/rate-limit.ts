import { settingsOf } from "../settings.ts";
import type { RateLimit } from "./token-bucket.ts";

/** The configured limit of a user; the default for a variable that is missing or cannot be read. */
export function userRateLimit(env: Pick<Env, "RATE_LIMIT_BURST_EVENTS" | "RATE_LIMIT_EVENTS_PER_SECOND">): RateLimit {
  return settingsOf(env).userRateLimit;
}
