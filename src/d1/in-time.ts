import { STATEMENT_TIMEOUT_MS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";

/** What D1 answers to a statement. Rejects if that takes longer than STATEMENT_TIMEOUT_MS; it may still take effect. */
export function inTime<T>(answer: Promise<T>): Promise<T> {
  return orTimeout(answer, STATEMENT_TIMEOUT_MS, () => new Error("D1 did not answer"));
}
