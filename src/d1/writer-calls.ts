import type { D1Failure } from "./d1-failure.ts";
import type { LogOwner } from "./directory.ts";
import type { ErasedKey } from "./erase-events.ts";
import type { ReleasedKey } from "./release-events.ts";

// What a log asks of a writer, and what that answers.

/** Rows of one user's log, encoded by `encodeEventRow`, at most a statement's worth. */
export interface Insertion extends LogOwner {
  version: number;
  rows: string[];
}

/** Some events of an erased log. */
export interface Erasure {
  version: number;
  userId: string;
  generation: number;
  keys: ErasedKey[];
  /** Whether these are the last ones of the log. */
  isLast: boolean;
}

/** Events that a log would have in another database. */
export interface Release extends Pick<LogOwner, "userId" | "generation" | "moves"> {
  version: number;
  keys: ReleasedKey[];
  /** Rows that were written before this time stay, in epoch milliseconds. */
  writtenAfter: number;
  /** Whether these are all that the database lacks of the log. */
  isAll: boolean;
}

/** Events of a log that belong to another database. */
export interface Leftovers extends Pick<LogOwner, "userId" | "generation" | "moves"> {
  version: number;
  keys: ErasedKey[];
}

/** What a call has brought, or D1's trouble. */
export type Answered<T> = ({ ok: true } & T) | { ok: false; failure: D1Failure; error: string };

/** D1 has everything but the rows with these indexes, which it will never take. */
export type WriteOutcome = Answered<{ refused: number[] }>;
