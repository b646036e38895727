import { CALL_RETRY_DELAY_MS, CROWDED_RETRY_DELAY_MS, MAX_CALL_ATTEMPTS } from "../limits.ts";
import { objectOf } from "../object-of.ts";
import type { RemoteObject } from "../remote-object.ts";
import type { UserLog } from "./user-log.ts";

/** A user's object, called over RPC. */
export type RemoteUserLog = RemoteObject<
  UserLog,
  | "record"
  | "timeline"
  | "summary"
  | "erase"
  | "erasure"
  | "setSuppressed"
  | "isSuppressed"
  | "redeliver"
  | "deliver"
  | "expire"
>;

export type CallOutcome<T> = { ok: true; value: T } | { ok: false; error: unknown };

/**
 * Calls a user's object, for something that may be repeated: recording and reading may. A fault that the platform calls
 * retryable is tried again on a fresh stub (a stub may stay broken after an exception), after a wait with full jitter.
 * An overloaded object is left alone. (developers.cloudflare.com/durable-objects/best-practices/error-handling)
 */
export async function callUserLog<T>(
  env: Env,
  userId: string,
  call: (log: RemoteUserLog) => Promise<T>,
): Promise<CallOutcome<T>> {
  for (let attempt = 1; ; attempt++) {
    const called = await callUserLogOnce(env, userId, call);
    if (called.ok || attempt === MAX_CALL_ATTEMPTS) return called;
    const delay = retryDelayAfter(called.error);
    if (delay === null) return called;
    await scheduler.wait(Math.random() * delay * 2 ** attempt);
  }
}

/**
 * Calls a user's object without ever repeating the call: an erasure whose answer was lost would be answered as one of
 * nothing.
 */
export async function callUserLogOnce<T>(
  env: Env,
  userId: string,
  call: (log: RemoteUserLog) => Promise<T>,
): Promise<CallOutcome<T>> {
  try {
    return { ok: true, value: await call(objectOf(env, env.USER_LOG, userId) as unknown as RemoteUserLog) };
  } catch (error) {
    return { ok: false, error };
  }
}

// The account's limit on new stubs. It may be marked as overloaded, and yet be tried again after a wait:
// developers.cloudflare.com/durable-objects/observability/troubleshooting.
const CROWDED = /generating too much load on Durable Objects/i;

/** What to wait at first, in milliseconds; null where trying again would do no good, or harm. */
function retryDelayAfter(error: unknown): number | null {
  if (CROWDED.test(String(error))) return CROWDED_RETRY_DELAY_MS;
  const { retryable, overloaded } = (error ?? {}) as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true ? CALL_RETRY_DELAY_MS : null;
}
