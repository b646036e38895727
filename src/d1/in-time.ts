import { STATEMENT_TIMEOUT_MS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";

/** Waits for D1's answer. Rejects after STATEMENT_TIMEOUT_MS, but the statement may still take effect. */
export function inTime<T>(answer: Promise<T>): Promise<T> {
  return orTimeout(answer, STATEMENT_TIMEOUT_MS, () => new Error("D1 did not answer"));
}
