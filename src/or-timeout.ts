/**
 * Waits for a promise, but no longer than `ms` milliseconds.
 *
 * What was begun is not ended: its outcome is dropped, so whoever calls must be able to repeat it.
 * Rejects with what the promise rejects with, or with the given error when the time is up.
 */
export async function orTimeout<T>(promise: Promise<T>, ms: number, error: () => Error): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(error()), ms);
  // A rejection that comes after the time is up has nobody to go to.
  promise.catch(() => {});
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}
