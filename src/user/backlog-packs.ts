import { type Entry, textOf, unread } from "./backlog-entry.ts";
import type { LogState, ValueStore } from "./stored-values.ts";

/**
 * Packs on disk for the keys of a backlog that are too many for the log's state, oldest first. Memory has the first
 * pack once it is loaded. If the log is busy, memory also keeps other packs with all their rows.
 */
export class BacklogPacks {
  readonly #values: ValueStore;
  readonly #database: string;
  #counts: LogState["packs"];
  /** The entries of the first pack that the database lacks, by key as text, and how many keys the pack has on disk. */
  #first: Map<string, Entry> | null = null;
  #firstSize = 0;
  /** Packs whose rows are still in memory, by number. */
  readonly #kept = new Map<number, Map<string, Entry>>();
  #rowBytes = 0;

  constructor(values: ValueStore, database: string, counts: LogState["packs"]) {
    this.#values = values;
    this.#database = database;
    this.#counts = counts;
  }

  /** What the log's state says about the packs. */
  get counts(): LogState["packs"] {
    return this.#counts;
  }

  /** How many of their events the database lacks. */
  get size(): number {
    return this.#counts.keys - (this.#first ? this.#firstSize - this.#first.size : 0);
  }

  /** How large the rows in memory are, in UTF-16 units. */
  get rowBytes(): number {
    return this.#rowBytes;
  }

  /** Whether there are packs after the first. */
  get hasMore(): boolean {
    return this.#counts.next - this.#counts.first > 1;
  }

  /** The entries of the first pack, or none if it is not loaded. */
  entries(): Entry[] {
    return [...(this.#first?.values() ?? [])];
  }

  /**
   * Writes a pack. Keeps its entries in memory only if all their rows are there; otherwise memory would fill with the
   * keys of a long backlog.
   */
  add(entries: Map<string, Entry>): void {
    const { first, next, keys } = this.#counts;
    this.#values.put(
      this.#nameOf(next),
      [...entries.values()].map(({ key }) => key),
    );
    this.#counts = { first, next: next + 1, keys: keys + entries.size };
    if (!entries.values().every(({ row }) => row !== null)) return;
    this.#kept.set(next, entries);
    for (const { row } of entries.values()) this.#rowBytes += row!.length;
  }

  /** Loads the first pack, without the entries that are no longer needed. */
  load(isNeeded: (entry: Entry, text: string) => boolean): void {
    const { first, next } = this.#counts;
    if (this.#first || first === next) return;
    this.#first = this.#kept.get(first) ?? this.#read(first);
    this.#kept.delete(first);
    this.#firstSize = this.#first.size;
    for (const [text, entry] of this.#first) if (!isNeeded(entry, text)) this.remove(text);
  }

  has(text: string, entry: Entry): boolean {
    return this.#first?.get(text) === entry;
  }

  /** Removes an event from the first pack. Returns whether it was there. */
  remove(text: string): boolean {
    this.#rowBytes -= this.#first?.get(text)?.row?.length ?? 0;
    return this.#first?.delete(text) ?? false;
  }

  /** Frees the rows in memory. */
  releaseRows(): void {
    for (const entry of this.entries()) entry.row = null;
    this.#kept.clear();
    this.#rowBytes = 0;
  }

  /** Whether the first pack is loaded and has nothing left to send. */
  isFirstDone(): boolean {
    return this.#first?.values().every(({ isRefused }) => isRefused) ?? false;
  }

  /**
   * Deletes the first pack if nothing of it is left to send. Returns the entries that D1 refused; null if some are
   * left.
   */
  end(): Entry[] | null {
    if (!this.isFirstDone()) return null;
    const { first, next, keys } = this.#counts;
    const refused = this.entries();
    for (const { key } of refused) this.remove(textOf(key));
    this.#values.delete(this.#nameOf(first));
    this.#counts = { first: first + 1, next, keys: keys - this.#firstSize };
    this.#first = null;
    return refused;
  }

  #read(pack: number): Map<string, Entry> {
    const keys = this.#values.get(this.#nameOf(pack)) ?? [];
    return new Map(keys.map((key) => [textOf(key), unread(key)]));
  }

  #nameOf(pack: number): `backlog:${string}:${number}` {
    return `backlog:${this.#database}:${pack}`;
  }
}
