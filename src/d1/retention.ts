import { settingsOf } from "../settings.ts";
import { DAY_MS } from "./hour.ts";

/**
 * The time before which D1 keeps no events, in epoch milliseconds; 0 where `RETENTION_DAYS` is empty or unreadable.
 *
 * @param now epoch milliseconds
 */
export function retentionCutoff(env: Pick<Env, "RETENTION_DAYS">, now: number): number {
  const { retentionDays } = settingsOf(env);
  return retentionDays === null ? 0 : now - retentionDays * DAY_MS;
}
