/**
 * The events that were answered, but that a reader of the feed has not read yet: they are on their way through the log,
 * the writer, D1 and the feed. An event is identified by its time, because no two events have the same.
 */
export class Unread {
  readonly #answered = new Set<string>();
  readonly #read = new Set<string>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  answered(time: string): void {
    if (this.#answered.has(time)) return;
    this.#answered.add(time);
    if (!this.#read.has(time)) this.#size++;
  }

  read(time: string): void {
    if (this.#read.has(time)) return;
    this.#read.add(time);
    if (this.#answered.has(time)) this.#size--;
  }

  /** An event that was erased may never appear in the feed. */
  erased(time: string): void {
    if (this.#answered.has(time)) this.read(time);
  }
}
