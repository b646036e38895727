import { DEFAULT_RATE_LIMIT_BURST_EVENTS, DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND } from "../limits.ts";
import type { RateLimit } from "./token-bucket.ts";

/** The configured limit of a user; the default where a variable is missing or not a positive number. */
export function userRateLimit(env: Pick<Env, "RATE_LIMIT_BURST_EVENTS" | "RATE_LIMIT_EVENTS_PER_SECOND">): RateLimit {
  return {
    burst: positive(env.RATE_LIMIT_BURST_EVENTS) ?? DEFAULT_RATE_LIMIT_BURST_EVENTS,
    perSecond: positive(env.RATE_LIMIT_EVENTS_PER_SECOND) ?? DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND,
  };
}

function positive(setting: string | undefined): number | undefined {
  const number = Number(setting);
  return number > 0 && Number.isFinite(number) ? number : undefined;
}
