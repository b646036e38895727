/**
 * Writes one structured log line for a failure. `details` must hold no personal data: no properties, no ids in clear.
 *
 * @param failure a stable name to search for
 */
export function logFailure(failure: string, error: unknown, details: Record<string, unknown> = {}): void {
  const cause = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  console.error(JSON.stringify({ level: "error", failure, cause, ...details }));
}
