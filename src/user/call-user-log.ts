import { CALL_RETRY_DELAY_MS, MAX_CALL_ATTEMPTS } from "../limits.ts";
import type { UserLog } from "./user-log.ts";

/**
 * A user's object as seen over RPC. Only plain data crosses, so what a method returns arrives as it is; the stub's own
 * type says otherwise of tuples.
 */
export type RemoteUserLog = {
  [
    Method in "record" | "timeline" | "summary" | "erase" | "setSuppressed" | "isSuppressed" | "redeliver" | "deliver"
  ]: (...args: Parameters<UserLog[Method]>) => Promise<Awaited<ReturnType<UserLog[Method]>>>;
};

type CallOutcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

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
      return { ok: true, value: await call(env.USER_LOG.getByName(userId) as unknown as RemoteUserLog) };
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
