import { byteLength } from "../event/json.ts";
import {
  MAX_BACKLOG_ROW_BYTES,
  MAX_BACKLOG_STATE_BYTES,
  MAX_REFUSED_STATE_BYTES,
  MAX_RETRY_ROWS,
  MAX_STATEMENT_BYTES,
  MAX_STATEMENT_EVENTS,
} from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { type Entry, keyBytes, textOf, unread } from "./backlog-entry.ts";
import { earlierTime } from "./earlier-time.ts";
import { BacklogPacks } from "./backlog-packs.ts";
import type { EventKey } from "./event-table.ts";
import type { Owed, ValueStore } from "./stored-values.ts";

/**
 * The next rows for D1, at most as many as fit one statement. There are none if nothing is left to send of a pack,
 * which then only has to be settled.
 */
export interface Shipment {
  entries: Entry[];
  /** Encoded by `encodeEventRow`. */
  rows: string[];
  /** When the first of them was recorded, in epoch milliseconds; null if that is not known. */
  since: number | null;
}

/** An event of the log, encoded by `encodeEventRow`, and since when D1 lacks it; see `Entry`. */
interface ReadEvent {
  row: string;
  since: number | null;
}

/** The result of reading an event that was moved to another database. A pack on disk may still name it. */
export const ELSEWHERE = Symbol("elsewhere");

/** Reads an event of the log from storage. Null if it is not there. */
type ReadRow = (key: EventKey) => ReadEvent | typeof ELSEWHERE | null;

/**
 * The events of a log that one database lacks because they were created or updated, by their keys.
 *
 * The keys are on disk in the log's state, which every request that records something writes anyway. Beyond
 * MAX_BACKLOG_STATE_BYTES they are written to packs of their own. The rows themselves stay in memory once they are
 * recorded, and are only read from storage after a wake-up. The keys on disk may include events that D1 has received;
 * D1 gets those twice and ignores the second. They never leave out an event that D1 lacks, because D1 would never get
 * it.
 */
export class Backlog {
  /** The entries by their keys as text, oldest first. */
  #entries = new Map<string, Entry>();
  readonly #packs: BacklogPacks;
  #keyBytes = 0;
  #rowBytes = 0;
  /** Events from before this time, in epoch milliseconds, have been deleted from the log, so D1 does not get them. */
  #oldest: number;
  /** False while D1 is away. Then rows are left in storage, because many objects share one isolate's memory. */
  #keepsRows = true;
  /** True between `beginMove` and `endMove`. Everything that may move stays in memory meanwhile. */
  isMoving = false;
  /** True after D1 has refused more than the log's state can hold, until it is time to try again. */
  #isOnHold = false;

  /** @param oldest events from before this time, in epoch milliseconds, have been deleted from the log */
  constructor(values: ValueStore, database: string, oldest: number, owed?: Owed) {
    this.#packs = new BacklogPacks(values, database, owed?.packs ?? { first: 0, next: 0, keys: 0 });
    this.#oldest = oldest;
    for (const key of owed?.backlog ?? []) this.#add(unread(key));
  }

  /** How many events D1 lacks or only has in an older revision. */
  get size(): number {
    return this.#entries.size + this.#packs.size;
  }

  /**
   * Notes an event that was just recorded.
   *
   * @param now epoch milliseconds
   */
  note(key: EventKey, row: string, now: number): void {
    const keep = this.#keepsRows && this.#rowBytes + this.#packs.rowBytes + row.length <= MAX_BACKLOG_ROW_BYTES;
    this.#remove(textOf(key));
    // The log has the newest revision, which includes whatever an older entry stood for.
    if (this.#packs.remove(textOf(key))) this.#endPack();
    this.#add({ key, row: keep ? row : null, since: now, isRefused: false });
  }

  /** Drops the entries from before a time, in epoch milliseconds, because the log has deleted those events. */
  forget(before: number): void {
    this.#oldest = before;
    for (const { key } of [...this.#packs.entries(), ...this.#entries.values()]) if (key[0] < before) this.giveUp(key);
    this.#endPack();
  }

  /** The part of the log's state that says what the database lacks. Writes a pack if there are too many keys for it. */
  stored(): Owed {
    if (this.#keyBytes > MAX_BACKLOG_STATE_BYTES && !this.isMoving) this.#spill();
    return { backlog: [...this.#entries.values()].map(({ key }) => key), packs: this.#packs.counts };
  }

  /** Frees the rows in memory, and keeps no more of them until D1 accepts rows again. */
  releaseRows(): void {
    for (const entry of this.#entries.values()) entry.row = null;
    this.#packs.releaseRows();
    this.#rowBytes = 0;
    this.#keepsRows = false;
  }

  /** Makes the rows that D1 has refused due again. */
  retryRefused(): void {
    for (const entry of [...this.#packs.entries(), ...this.#entries.values()]) entry.isRefused = false;
    this.#isOnHold = false;
  }

  /**
   * What to send next, oldest first; null if nothing is due.
   *
   * @param isCautious makes the shipment small; used after failures, when all users send at once
   */
  next(read: ReadRow, isCautious: boolean): Shipment | null {
    if (this.#isOnHold) return null;
    this.#loadPack();
    const maxRows = isCautious ? MAX_RETRY_ROWS : MAX_STATEMENT_EVENTS;
    const shipment: Shipment = { entries: [], rows: [], since: null };
    let bytes = 0;
    for (const entry of this.#inOrder()) {
      if (entry.isRefused) continue;
      if (shipment.rows.length === maxRows) break;
      const found = entry.row === null ? read(entry.key) : { row: entry.row, since: entry.since };
      if (found === ELSEWHERE) {
        this.giveUp(entry.key);
        continue;
      }
      if (found === null) {
        // This should be impossible. If it happens, it must not hold up the other events.
        logFailure("backlog_without_event", "The backlog names an event that the log does not have");
        entry.isRefused = true;
        continue;
      }
      bytes += byteLength(found.row) + 1;
      if (bytes > MAX_STATEMENT_BYTES && shipment.rows.length > 0) break;
      shipment.entries.push(entry);
      shipment.rows.push(found.row);
      shipment.since = earlierTime(shipment.since, entry.since ?? found.since);
    }
    return shipment.rows.length > 0 || this.#packs.isFirstDone() ? shipment : null;
  }

  /**
   * Removes exactly the entries whose rows D1 has received. An event that was updated while we waited for D1 has a new
   * entry, which stays.
   *
   * @param refused the indexes of the rows that D1 refused
   * @returns whether a pack is done, so that the log's state has to be written
   */
  settle({ entries }: Shipment, refused: readonly number[]): boolean {
    this.#keepsRows = true;
    for (const index of refused) entries[index]!.isRefused = true;
    return this.strike(entries.filter(({ isRefused }) => !isRefused));
  }

  /** Removes these entries, except those that a newer one has replaced. Returns whether a pack is done. */
  strike(entries: readonly Entry[]): boolean {
    for (const entry of entries) {
      const text = textOf(entry.key);
      if (this.#packs.has(text, entry)) this.#packs.remove(text);
      else if (this.#entries.get(text) === entry) this.#remove(text);
    }
    return this.#endPack();
  }

  /** Some entries that could move to another database, oldest first. Writes no pack until `endMove`. */
  beginMove(): Entry[] {
    this.#loadPack();
    this.releaseRows();
    this.isMoving = true;
    return this.#inOrder()
      .filter(({ isRefused }) => !isRefused)
      .slice(0, MAX_STATEMENT_EVENTS);
  }

  /** Call `stored` afterwards. */
  endMove(): void {
    this.isMoving = false;
    this.#endPack();
  }

  /** Removes the entry of an event, also a newer one, because this database no longer has to get the event. */
  giveUp(key: EventKey): void {
    this.#packs.remove(textOf(key));
    this.#remove(textOf(key));
  }

  /** Adds an event that has moved here from another database. */
  takeOver(key: EventKey): void {
    this.#remove(textOf(key));
    this.#add(unread(key));
  }

  /** The oldest entries that are in memory. Entries newer than the packs wait until only one pack is left. */
  #inOrder(): Entry[] {
    return [...this.#packs.entries(), ...(this.#packs.hasMore ? [] : this.#entries.values())];
  }

  #add(entry: Entry): void {
    this.#entries.set(textOf(entry.key), entry);
    this.#keyBytes += keyBytes(entry);
    this.#rowBytes += entry.row?.length ?? 0;
  }

  #remove(text: string): void {
    const entry = this.#entries.get(text);
    if (!entry) return;
    this.#entries.delete(text);
    this.#keyBytes -= keyBytes(entry);
    this.#rowBytes -= entry.row?.length ?? 0;
  }

  /**
   * Writes the entries to a pack. What D1 has refused stays here, because from a pack it would be sent again at once. If
   * it is too much, then D1 probably refuses everything, so it goes to the pack and nothing is sent until `retryRefused`.
   */
  #spill(): void {
    let stays = [...this.#entries].filter(([, { isRefused }]) => isRefused);
    if (stays.reduce((sum, [, entry]) => sum + keyBytes(entry), 0) > MAX_REFUSED_STATE_BYTES) {
      this.#isOnHold = true;
      for (const [, entry] of stays) entry.isRefused = false;
      stays = [];
    }
    for (const [text] of stays) this.#entries.delete(text);
    const spilled = this.#entries;
    [this.#entries, this.#keyBytes, this.#rowBytes] = [new Map(), 0, 0];
    for (const [, entry] of stays) this.#add(entry);
    if (spilled.size > 0) this.#packs.add(spilled);
  }

  #loadPack(): void {
    // An event that was updated since then is among the entries, and D1 must not get it twice in one statement.
    this.#packs.load(({ key: [timestamp] }, text) => timestamp >= this.#oldest && !this.#entries.has(text));
  }

  /** Deletes the first pack if it is done. Rows of it that D1 refused are kept in the log's state. */
  #endPack(): boolean {
    const refused = this.#packs.end();
    for (const entry of refused ?? []) this.#add(entry);
    return refused !== null;
  }
}
