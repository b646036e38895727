import { DAY_MS } from "../d1/hour.ts";
import { LOG_EXPIRY_DELAY_MS } from "../limits.ts";
import { settingsOf } from "../settings.ts";
import type { EventLog } from "./event-log.ts";

/** When the first event of a log expires, in epoch milliseconds; null if it never does. */
export function nextExpiry(env: Env, log: EventLog): number | null {
  const { retentionDays } = settingsOf(env);
  const oldest = retentionDays === null ? null : log.oldest();
  return oldest === null ? null : oldest + retentionDays! * DAY_MS + LOG_EXPIRY_DELAY_MS;
}
