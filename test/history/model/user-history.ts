import {
  type Entry,
  type EraseEntry,
  keyOfSent,
  type ReadEntry,
  type RecordEntry,
  type SentEvent,
  type SuppressEntry,
  type Verdict,
} from "./entry.ts";

/** For how long after its end a request without an answer may still have an effect, if the server was not killed. */
const LATE_MS = 5_000;

/** One event in one request. It has its effect between `from` and `to`, if it has one. */
export interface Attempt {
  entry: RecordEntry;
  sent: SentEvent;
  key: string;
  /** Null if there was no answer. Then the attempt may or may not have had its effect. */
  verdict: Verdict | null;
  from: number;
  to: number;
}

/** A span of time in which a user was erased, once or several times. */
export interface Zone {
  from: number;
  to: number;
  entries: EraseEntry[];
  /** Whether any of the erasures was answered. */
  isSure: boolean;
}

/** All requests for one user. */
export class UserHistory {
  readonly user: string;
  readonly attempts: Attempt[] = [];
  readonly reads: ReadEntry[] = [];
  readonly suppressions: SuppressEntry[] = [];
  readonly zones: Zone[] = [];

  constructor(user: string) {
    this.user = user;
  }

  add(entry: EraseEntry | SuppressEntry | ReadEntry): void {
    if (entry.kind === "read") this.reads.push(entry);
    else if (entry.kind === "suppress") this.suppressions.push(entry);
    else this.#addErasure(entry);
  }

  /**
   * The segment of the user's history in which a span lies: 0 before the first erasure, 1 after it, and so on. Null if an
   * erasure may have happened within the span.
   */
  segmentOf({ from, to }: { from: number; to: number }): number | null {
    const segment = this.zones.filter((zone) => zone.to < from).length;
    const next = this.zones[segment];
    return !next || to < next.from ? segment : null;
  }

  /** Whether an attempt may have had its effect in a segment of the user's history. */
  mayBeIn({ from, to }: Pick<Attempt, "from" | "to">, segment: number): boolean {
    const before = this.zones[segment - 1];
    const after = this.zones[segment];
    return (!before || to > before.from) && (!after || from < after.to);
  }

  /** The latest segment of the user's history, which begins with the last erasure. */
  get lastSegment(): number {
    return this.zones.length;
  }

  /** Erasures must be added in the order in which they began. */
  #addErasure(entry: EraseEntry): void {
    const { invoked: from } = entry;
    const to = endOf(entry);
    const last = this.zones.at(-1);
    if (last && from <= last.to) {
      last.to = Math.max(last.to, to);
      last.entries.push(entry);
      last.isSure ||= entry.answer !== null;
    } else this.zones.push({ from, to, entries: [entry], isSure: entry.answer !== null });
  }
}

/** Sorts a run's entries by user. */
export function userHistories(entries: readonly Entry[]): Map<string, UserHistory> {
  const users = new Map<string, UserHistory>();
  const of = (user: string) => {
    const known = users.get(user) ?? new UserHistory(user);
    users.set(user, known);
    return known;
  };
  for (const entry of entries.toSorted((a, b) => a.invoked - b.invoked)) {
    if (entry.kind === "erase" || entry.kind === "suppress" || entry.kind === "read") of(entry.user).add(entry);
    if (entry.kind !== "record") continue;
    entry.events.forEach((sent, index) => {
      if (!sent) return;
      const verdict = entry.answer?.[index] ?? null;
      const span = { from: entry.invoked, to: endOf(entry) };
      of(sent.user).attempts.push({ entry, sent, key: keyOfSent(sent), verdict, ...span });
    });
  }
  return users;
}

/** The latest time at which an entry may have had its effect. */
function endOf({ ended, answer }: Entry): number {
  return answer === null ? ended + LATE_MS : ended;
}

/** Groups items by a key, in the order of each key's first item. */
export function groupBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}
