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
import { BacklogPacks } from "./backlog-packs.ts";
import type { EventKey } from "./event-table.ts";
import type { Owed, ValueStore } from "./stored-values.ts";

/** The next rows for D1, at most a statement's worth; none where a pack has come to nothing and only has to be settled. */
export interface Shipment {
  entries: Entry[];
  /** Encoded by `encodeEventRow`. */
  rows: string[];
  /** When the first of them was recorded, in epoch milliseconds; null where nothing says so. */
  since: number | null;
}

/** An event of the log, encoded by `encodeEventRow`, and since when D1 lacks it; see `Entry`. */
interface ReadEvent {
  row: string;
  since: number | null;
}

/** What is read of an event that another database has taken over. A pack on disk may still name it. */
export const ELSEWHERE = Symbol("elsewhere");

/** Reads an event of the log from storage. Null where it is not there. */
type ReadRow = (key: EventKey) => ReadEvent | typeof ELSEWHERE | null;

/**
 * What one database lacks of a log: events that were created or updated, by their keys.
 *
 * The keys are on disk in the log's state, which every request that records something writes anyway, and beyond
 * MAX_BACKLOG_STATE_BYTES in packs of their own. The rows themselves are kept in memory from the moment they are
 * recorded, and only read from storage after a wake-up. What is on disk may be behind: D1 then gets a row twice and
 * ignores it. It is never ahead, or D1 would lack an event for ever.
 */
export class Backlog {
  /** By key as text, oldest first. */
  #entries = new Map<string, Entry>();
  readonly #packs: BacklogPacks;
  #keyBytes = 0;
  #rowBytes = 0;
  /** What happened before this time, in epoch milliseconds, is in the log no more, and D1 need not get it. */
  #oldest: number;
  /** While D1 is away, rows stay in storage: the objects of a class share an isolate's memory. */
  #keepsRows = true;
  /** While it is found out what can move to another database, memory has all that may. */
  #isMoving = false;

  /** @param oldest what happened before this time, in epoch milliseconds, the log has let go of */
  constructor(values: ValueStore, database: string, oldest: number, owed?: Owed) {
    this.#packs = new BacklogPacks(values, database, owed?.packs ?? { first: 0, next: 0, keys: 0 });
    this.#oldest = oldest;
    for (const key of owed?.backlog ?? []) this.#add(unread(key));
  }

  /** How many events D1 lacks, or has in an older revision only. */
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
    // Its newest revision is in the log, so an older entry has nothing to add.
    if (this.#packs.remove(textOf(key))) this.#endPack();
    this.#add({ key, row: keep ? row : null, since: now, isRefused: false });
  }

  /** Lets go of what happened before a time, in epoch milliseconds: the log has deleted it. */
  forget(before: number): void {
    this.#oldest = before;
    for (const { key } of [...this.#packs.entries(), ...this.#entries.values()]) if (key[0] < before) this.giveUp(key);
    this.#endPack();
  }

  /** The part of the log's state that says what the database lacks; spills what would be too much for it. */
  stored(): Owed {
    if (this.#keyBytes > MAX_BACKLOG_STATE_BYTES && !this.#isMoving) this.#spill();
    return { backlog: [...this.#entries.values()].map(({ key }) => key), packs: this.#packs.counts };
  }

  /** Lets go of the rows in memory, and keeps no more of them until D1 takes some again. */
  releaseRows(): void {
    for (const entry of this.#entries.values()) entry.row = null;
    this.#packs.releaseRows();
    this.#rowBytes = 0;
    this.#keepsRows = false;
  }

  /** Makes the rows that D1 has refused due again. */
  retryRefused(): void {
    for (const entry of this.#inOrder()) entry.isRefused = false;
  }

  /**
   * What to send next, oldest first; null where nothing is due.
   *
   * @param isCautious small shipments only, as after failures, when everybody comes at once
   */
  next(read: ReadRow, isCautious: boolean): Shipment | null {
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
        // It cannot be, and must not hold up the others if it is.
        logFailure("backlog_without_event", "The backlog names an event that the log does not have");
        entry.isRefused = true;
        continue;
      }
      const { row } = found;
      const since = entry.since ?? found.since;
      bytes += byteLength(row) + 1;
      if (bytes > MAX_STATEMENT_BYTES && shipment.rows.length > 0) break;
      shipment.entries.push(entry);
      shipment.rows.push(row);
      shipment.since = earlier(shipment.since, since);
    }
    return shipment.rows.length > 0 || this.#packs.isFirstDone() ? shipment : null;
  }

  /**
   * Strikes off exactly what D1 has got. An event that was updated while D1 was awaited has another entry by now.
   *
   * @param refused the indexes of the rows that D1 will never take
   * @returns whether a pack is done, so that the log's state has to be written
   */
  settle({ entries }: Shipment, refused: readonly number[]): boolean {
    this.#keepsRows = true;
    for (const index of refused) entries[index]!.isRefused = true;
    return this.strike(entries.filter(({ isRefused }) => !isRefused));
  }

  /** Strikes entries off that are still those of their events. Returns whether a pack is done. */
  strike(entries: readonly Entry[]): boolean {
    for (const entry of entries) {
      const text = textOf(entry.key);
      if (this.#packs.has(text, entry)) this.#packs.remove(text);
      else if (this.#entries.get(text) === entry) this.#remove(text);
    }
    return this.#endPack();
  }

  /** Some of what another database could take, oldest first. Nothing spills until `endMove`. */
  beginMove(): Entry[] {
    this.#loadPack();
    this.releaseRows();
    this.#isMoving = true;
    return this.#inOrder()
      .filter(({ isRefused }) => !isRefused)
      .slice(0, MAX_STATEMENT_EVENTS);
  }

  /** To be followed by `stored`. */
  endMove(): void {
    this.#isMoving = false;
    this.#endPack();
  }

  /** Strikes an event off that another database has to get now, whatever became of it meanwhile. */
  giveUp(key: EventKey): void {
    this.#packs.remove(textOf(key));
    this.#remove(textOf(key));
  }

  /** Notes an event that another database has given up. */
  takeOver(key: EventKey): void {
    this.#remove(textOf(key));
    this.#add(unread(key));
  }

  /** The oldest ones that are in memory. What has come since they spilled waits for the packs before it. */
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

  /** Lets a pack have what is too much. What D1 has refused stays: from a pack it would be sent again at once. */
  #spill(): void {
    const refused = [...this.#entries].filter(([, { isRefused }]) => isRefused);
    const stays = refused.reduce((sum, [, entry]) => sum + keyBytes(entry), 0) > MAX_REFUSED_STATE_BYTES ? [] : refused;
    for (const [text] of stays) this.#entries.delete(text);
    const spilled = this.#entries;
    [this.#entries, this.#keyBytes, this.#rowBytes] = [new Map(), 0, 0];
    for (const [, entry] of stays) this.#add(entry);
    if (spilled.size > 0) this.#packs.add(spilled);
  }

  #loadPack(): void {
    // An event that was updated since is among the entries, and D1 must not get it twice in a statement.
    this.#packs.load(({ key: [timestamp] }, text) => timestamp >= this.#oldest && !this.#entries.has(text));
  }

  /** Ends the first pack, if it is done. What D1 refused of it goes on in the state. */
  #endPack(): boolean {
    const refused = this.#packs.end();
    for (const entry of refused ?? []) this.#add(entry);
    return refused !== null;
  }
}

function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
