import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { DAY_MS } from "../src/d1/hour.ts";
import { FLOOR_SETTLE_MS, MAX_FLOOR_AGE_MS } from "../src/limits.ts";
import { expireLogs } from "../src/user/expire-logs.ts";

/** The time in a test of expiry, in epoch milliseconds. It only goes forward, because the floor never falls. */
export let now = Date.now() + 10 * DAY_MS;

/** Sets the clock. Alarms do not follow it; the tests make them go off. */
export function at(time: number): void {
  now = time;
  vi.useFakeTimers({ toFake: ["Date"], now });
}

/** Call it before each test. */
export function keepThirtyDays(): void {
  env.RETENTION_DAYS = "30";
  at(now + DAY_MS);
}

/** Call it after each test. */
export function keepAll(): void {
  env.RETENTION_DAYS = "";
  vi.useRealTimers();
}

/** Runs the cron until logs may delete the events that have expired by now. */
export async function settleFloor(): Promise<void> {
  await expireLogs(env, Date.now());
  at(now + FLOOR_SETTLE_MS + 60_000); // the clock advances while the test runs
  await expireLogs(env, Date.now());
  at(now + MAX_FLOOR_AGE_MS);
}
