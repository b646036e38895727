/**
 * Waits for a promise, but no longer than `ms` milliseconds.
 *
 * The work itself is not stopped; only its outcome is dropped, so callers must be able to repeat it.
 * Rejects with what the promise rejects with, or with the given error when the time is up.
 */
export async function orTimeout<T>(promise: Promise<T>, ms: number, error: () => Error): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(error()), ms);
  // Handles a rejection that comes after the time is up, when nobody else would.
  promise.catch(() => {});
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}
