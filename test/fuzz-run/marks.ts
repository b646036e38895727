// A mark in a value shows from which request the value came, in an answer, in the log and on disk.

/** The keys that the server accepts. No answer and no log line may contain one. */
export const WRITE_KEYS = Array.from({ length: 6 }, (_, i) => `wkq${i}-0f6b4d57`);
export const READ_KEYS = Array.from({ length: 3 }, (_, i) => `rkq${i}-4f3a9a0f`);

/** How many events of a request have marks of their own. Later events have none. */
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

/** A key that the server does not accept. */
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

/** A check number, because a mark may have lost a digit when its text was changed. */
function checkOf(index: number, event: number): number {
  return (index * 31 + event * 17) % 9_973;
}

/** All keys in a text, valid or not. */
export function keysIn(text: string): string[] {
  return text.includes("kq") ? [...text.matchAll(SECRET)].map(([key]) => key) : [];
}

/** Which values of a run were accepted and which were refused. */
export class Fates {
  readonly #refused = new Set<number>();
  readonly #ofEvents = new Map<number, Set<number>>();
  #taken = 0;

  refuse(index: number): void {
    this.#refused.add(index);
  }

  /** Notes that some events of a batch were refused. */
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
