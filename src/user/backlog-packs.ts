import { type Entry, textOf, unread } from "./backlog-entry.ts";
import type { LogState, ValueStore } from "./stored-values.ts";

/**
 * The keys of a backlog that are too many for the log's state: packs on disk, in the order in which they were spilled.
 * Memory has the first of them once it was loaded, and of a busy log also others with all their rows.
 */
export class BacklogPacks {
  readonly #values: ValueStore;
  readonly #database: string;
  #counts: LogState["packs"];
  /** What the database lacks of the first pack, by key as text, and how many keys the pack has on disk. */
  #first: Map<string, Entry> | null = null;
  #firstSize = 0;
  /** Packs whose rows need not be read again, by number. */
  readonly #kept = new Map<number, Map<string, Entry>>();
  #rowBytes = 0;

  constructor(values: ValueStore, database: string, counts: LogState["packs"]) {
    this.#values = values;
    this.#database = database;
    this.#counts = counts;
  }

  /** As the log's state has them. */
  get counts(): LogState["packs"] {
    return this.#counts;
  }

  /** How many events they have that the database lacks. */
  get size(): number {
    return this.#counts.keys - (this.#first ? this.#firstSize - this.#first.size : 0);
  }

  /** How many bytes of rows they keep in memory. */
  get rowBytes(): number {
    return this.#rowBytes;
  }

  /** Whether any are behind the first. */
  get hasMore(): boolean {
    return this.#counts.next - this.#counts.first > 1;
  }

  /** The events of the first pack, where it was loaded. */
  entries(): Entry[] {
    return [...(this.#first?.values() ?? [])];
  }

  /** Writes a pack. Keeps its rows where memory has all of them: else the keys of a long backlog would all be there. */
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

  /** Loads the first pack, without those of its events that are needed no more. */
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

  /** Takes an event out of the first pack. Returns whether it was there. */
  remove(text: string): boolean {
    this.#rowBytes -= this.#first?.get(text)?.row?.length ?? 0;
    return this.#first?.delete(text) ?? false;
  }

  /** Lets go of the rows in memory. */
  releaseRows(): void {
    for (const entry of this.entries()) entry.row = null;
    this.#kept.clear();
    this.#rowBytes = 0;
  }

  /** Whether the first pack holds nothing that could be sent. */
  isFirstDone(): boolean {
    return this.#first?.values().every(({ isRefused }) => isRefused) ?? false;
  }

  /** Deletes the first pack once the database has all of it. Returns what it refused of it; null where more is to come. */
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
