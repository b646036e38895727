export const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * The time before which D1 keeps no events, in epoch milliseconds; 0 where `RETENTION_DAYS` is not a positive number.
 *
 * @param now epoch milliseconds
 */
export function retentionCutoff(env: Pick<Env, "RETENTION_DAYS">, now: number): number {
  const days = Number(env.RETENTION_DAYS);
  return days > 0 ? now - days * DAY_MS : 0;
}
