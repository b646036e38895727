import type { Entry } from "./entry.ts";

/** What cannot be, if the guarantees hold. */
export interface Violation {
  /** A guarantee of the README, or the promise that is meant. */
  rule: string;
  /** One sentence: what was found, and what was answered before. */
  what: string;
  /** What it follows from. */
  entries: readonly Entry[];
}
