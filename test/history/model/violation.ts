import type { Entry } from "./entry.ts";

/** Something that cannot happen if the guarantees hold. */
export interface Violation {
  /** A guarantee of the README, or the name of another rule. */
  rule: string;
  /** One sentence that says what was found, and what was answered before. */
  what: string;
  /** The entries that prove it. */
  entries: readonly Entry[];
}
