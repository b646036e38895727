// What tells in an answer, in the log and on disk which request a value came from.

/** The keys that the server takes. No answer and no log line may ever hold one. */
export const WRITE_KEYS = Array.from({ length: 6 }, (_, i) => `wkq${i}-0f6b4d57`);
export const READ_KEYS = Array.from({ length: 3 }, (_, i) => `rkq${i}-4f3a9a0f`);

/** Events of a request that have marks of their own; what comes later has none. */
export const MAX_MARKED_EVENTS = 40;
/** The place of marks that belong to no event: in paths, queries and headers. */
export const NO_EVENT = 99;

const MARK = /zq(\d+)x(\d+)c(\d+)q/g;
const SECRET = /[wrk]kq\d+[q-]/g;

export interface Mark {
  index: number;
  event: number;
}

export function markOf(index: number, event: number): string {
  return `zq${index}x${event}c${checkOf(index, event)}q`;
}

/** A key that is nobody's. */
export function refusedKeyOf(index: number): string {
  return `kkq${index}q`;
}

export function marksIn(text: string): Mark[] {
  if (!text.includes("zq")) return [];
  return [...text.matchAll(MARK)]
    .map((found) => found.slice(1).map(Number) as [index: number, event: number, check: number])
    .filter(([index, event, check]) => check === checkOf(index, event))
    .map(([index, event]) => ({ index, event }));
}

/** Tells a mark from one that lost a digit when its text was mangled. */
function checkOf(index: number, event: number): number {
  return (index * 31 + event * 17) % 9_973;
}

/** The keys, good or refused, that a text holds. */
export function keysIn(text: string): string[] {
  return text.includes("kq") ? [...text.matchAll(SECRET)].map(([key]) => key) : [];
}

/** What became of the values of all requests of a run. */
export class Fates {
  readonly #refused = new Set<number>();
  readonly #ofEvents = new Map<number, Set<number>>();
  #taken = 0;

  refuse(index: number): void {
    this.#refused.add(index);
  }

  /** Some events of a batch were refused. */
  refuseEvents(index: number, events: Iterable<number>): void {
    this.#ofEvents.set(index, new Set(events));
  }

  take(): void {
    this.#taken++;
  }

  get taken(): number {
    return this.#taken;
  }

  get refused(): number {
    return this.#refused.size + this.#ofEvents.size;
  }

  isRefused({ index, event }: Mark): boolean {
    return this.#refused.has(index) || (this.#ofEvents.get(index)?.has(event) ?? false);
  }
}
