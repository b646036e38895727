import { CALL_RETRY_DELAY_MS, MAX_CALL_ATTEMPTS } from "../limits.ts";
import { objectOf } from "../object-of.ts";
import type { RemoteObject } from "../remote-object.ts";
import type { UserLog } from "./user-log.ts";

/** A user's object, called over RPC. */
export type RemoteUserLog = RemoteObject<
  UserLog,
  "record" | "timeline" | "summary" | "erase" | "setSuppressed" | "isSuppressed" | "redeliver" | "deliver"
>;

export type CallOutcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

/**
 * Calls a user's object. A fault that the platform calls retryable is tried again on a fresh stub (a stub may stay
 * broken after an exception), after a wait with full jitter; safe, since recording is idempotent. An overloaded
 * object is left alone. (developers.cloudflare.com/durable-objects/best-practices/error-handling)
 */
export async function callUserLog<T>(
  env: Env,
  userId: string,
  call: (log: RemoteUserLog) => Promise<T>,
): Promise<CallOutcome<T>> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { ok: true, value: await call(objectOf(env, env.USER_LOG, userId) as unknown as RemoteUserLog) };
    } catch (error) {
      if (attempt === MAX_CALL_ATTEMPTS || !isRetryable(error)) return { ok: false, error };
      await scheduler.wait(Math.random() * CALL_RETRY_DELAY_MS * 2 ** attempt);
    }
  }
}

function isRetryable(error: unknown): boolean {
  const { retryable, overloaded } = (error ?? {}) as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true;
}
