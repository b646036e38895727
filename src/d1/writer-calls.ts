import type { D1Failure } from "./d1-failure.ts";
import type { LogOwner } from "./directory.ts";
import type { ErasedKey } from "./erase-events.ts";
import type { ReleasedKey } from "./release-events.ts";

// The requests that a log sends to a writer, and the answers.

/** Rows of one user's log, encoded by `encodeEventRow`, at most as many as fit one statement. */
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

/** Events that a log wants to move to another database. */
export interface Release extends Pick<LogOwner, "userId" | "generation" | "moves"> {
  version: number;
  keys: ReleasedKey[];
  /** Rows that were written before this time, in epoch milliseconds, stay. */
  writtenAfter: number;
  /** Whether these are all events of the log that the database lacks. */
  isAll: boolean;
}

/** Events of a log that belong to another database. */
export interface Leftovers extends Pick<LogOwner, "userId" | "generation" | "moves"> {
  version: number;
  keys: ErasedKey[];
}

/** The result of a call, or D1's failure. */
export type Answered<T> = ({ ok: true } & T) | { ok: false; failure: D1Failure; error: string };

/** D1 has all rows except those with these indexes, which it refused. */
export type WriteOutcome = Answered<{ refused: number[] }>;
