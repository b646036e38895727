import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import { ERASURE_REPEAT_DELAY_MS } from "../src/limits.ts";
import { userLog } from "./tracklog.ts";

/** Waits until D1 was told of an erasure once, and runs the alarm at the time for which the second is set. */
export async function repeatErasure(user: string): Promise<boolean> {
  const alarm = () => runInDurableObject(userLog(user), (_, { storage }) => storage.getAlarm());
  await vi.waitUntil(async () => Number(await alarm()) > Date.now() + ERASURE_REPEAT_DELAY_MS / 2, { timeout: 5_000 });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ERASURE_REPEAT_DELAY_MS + 1 });
  try {
    return await runDurableObjectAlarm(userLog(user));
  } finally {
    vi.useRealTimers();
  }
}
