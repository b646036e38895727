import { CALL_RETRY_DELAY_MS, CROWDED_RETRY_DELAY_MS, MAX_CALL_ATTEMPTS } from "../limits.ts";
import { objectOf } from "../object-of.ts";
import type { RemoteObject } from "../remote-object.ts";
import type { UserLog } from "./user-log.ts";

/** The methods of a user's object that are called over RPC. */
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
 * Calls a user's object for something that can be repeated, such as recording and reading. Never rejects.
 *
 * If the platform marks an error as retryable, the call is repeated after a wait with full jitter. Each attempt gets a
 * new stub, because a stub may stay broken after an exception. A call to an overloaded object is not repeated.
 * (developers.cloudflare.com/durable-objects/best-practices/error-handling)
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
 * Calls a user's object without ever repeating the call. If the answer to an erasure were lost and the call repeated,
 * the answer would be that nothing was erased. Never rejects.
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

// This is the account's limit on new stubs. The error may be marked as overloaded, but may be retried after a wait:
// developers.cloudflare.com/durable-objects/observability/troubleshooting.
const CROWDED = /generating too much load on Durable Objects/i;

/** How long to wait before the first retry, in milliseconds; null if a retry would be useless or harmful. */
function retryDelayAfter(error: unknown): number | null {
  if (CROWDED.test(String(error))) return CROWDED_RETRY_DELAY_MS;
  const { retryable, overloaded } = (error ?? {}) as { retryable?: boolean; overloaded?: boolean };
  return retryable === true && overloaded !== true ? CALL_RETRY_DELAY_MS : null;
}
