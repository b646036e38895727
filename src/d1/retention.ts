import { COPY_EXPIRY_DELAY_MS, LOG_EXPIRY_DELAY_MS } from "../limits.ts";
import { settingsOf } from "../settings.ts";
import { DAY_MS } from "./hour.ts";

type Vars = Pick<Env, "RETENTION_DAYS">;

/**
 * The time before which events are neither accepted nor shown, in epoch milliseconds; 0 if `RETENTION_DAYS` is empty or
 * invalid. They are deleted later; see below.
 *
 * @param now epoch milliseconds
 */
export function retentionCutoff(env: Vars, now: number): number {
  return cutoff(env, now, 0);
}

/** The time before which D1 and the archive keep no events, in the same form. */
export function copyCutoff(env: Vars, now: number): number {
  return cutoff(env, now, COPY_EXPIRY_DELAY_MS);
}

/** The time before which a log keeps no events, in the same form. */
export function logCutoff(env: Vars, now: number): number {
  return cutoff(env, now, LOG_EXPIRY_DELAY_MS);
}

function cutoff(env: Vars, now: number, delay: number): number {
  const { retentionDays } = settingsOf(env);
  return retentionDays === null ? 0 : Math.max(0, now - retentionDays * DAY_MS - delay);
}
