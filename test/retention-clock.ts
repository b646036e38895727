import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { DAY_MS } from "../src/d1/hour.ts";
import { FLOOR_SETTLE_MS, MAX_FLOOR_AGE_MS } from "../src/limits.ts";
import { expireLogs } from "../src/user/expire-logs.ts";

/** The time of a test about what expires, in epoch milliseconds. It only goes on, since the floor never falls. */
export let now = Date.now() + 10 * DAY_MS;

/** Sets the clock, but not the alarms', which are set off by the tests. */
export function at(time: number): void {
  now = time;
  vi.useFakeTimers({ toFake: ["Date"], now });
}

/** To be called before each test. */
export function keepThirtyDays(): void {
  env.RETENTION_DAYS = "30";
  at(now + DAY_MS);
}

/** To be called after each test. */
export function keepAll(): void {
  env.RETENTION_DAYS = "";
  vi.useRealTimers();
}

/** Lets the cron run until logs may delete what has expired by now. */
export async function settleFloor(): Promise<void> {
  await expireLogs(env, Date.now());
  at(now + FLOOR_SETTLE_MS + 60_000); // the clock goes on while the test runs
  await expireLogs(env, Date.now());
  at(now + MAX_FLOOR_AGE_MS);
}
