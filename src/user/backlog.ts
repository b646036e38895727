import { byteLength } from "../event/json.ts";
import {
  MAX_BACKLOG_ROW_BYTES,
  MAX_BACKLOG_STATE_BYTES,
  MAX_RETRY_ROWS,
  MAX_STATEMENT_BYTES,
  MAX_STATEMENT_EVENTS,
} from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import type { EventKey } from "./event-table.ts";
import type { LogState, Owed, ValueStore } from "./stored-values.ts";

/** An event that a database lacks, as of one revision: an update makes another entry. */
export interface Entry {
  key: EventKey;
  /** Encoded by `encodeEventRow`; null where it has to be read from storage. */
  row: string | null;
  /** D1 does not take it. It waits for its back-off and holds up no other. */
  isRefused: boolean;
}

/** The next rows for D1, at most a statement's worth; none where a pack has come to nothing and only has to be settled. */
export interface Shipment {
  entries: Entry[];
  /** Encoded by `encodeEventRow`. */
  rows: string[];
}

/** What is read of an event that another database has taken over. A pack on disk may still name it. */
export const ELSEWHERE = Symbol("elsewhere");

/** Reads an event of the log from storage as an encoded row. Null where it is not there. */
type ReadRow = (key: EventKey) => string | typeof ELSEWHERE | null;

/**
 * What one database lacks of a log: events that were created or updated, by their keys.
 *
 * The keys are on disk in the log's state, which every request that records something writes anyway, and beyond
 * MAX_BACKLOG_STATE_BYTES in packs of their own. The rows themselves are kept in memory from the moment they are
 * recorded, and only read from storage after a wake-up. What is on disk may be behind: D1 then gets a row twice and
 * ignores it. It is never ahead, or D1 would lack an event for ever.
 */
export class Backlog {
  readonly #values: ValueStore;
  readonly #database: string;
  /** By key as text, oldest first. */
  #entries = new Map<string, Entry>();
  #packs: LogState["packs"];
  /** The keys of the first pack that D1 lacks still, once it was loaded, and how many the pack has on disk. */
  #pack: Map<string, Entry> | null = null;
  #packSize = 0;
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
    this.#values = values;
    this.#database = database;
    this.#packs = owed?.packs ?? { first: 0, next: 0, keys: 0 };
    this.#oldest = oldest;
    for (const key of owed?.backlog ?? []) this.#add({ key, row: null, isRefused: false });
  }

  /** How many events D1 lacks, or has in an older revision only. */
  get size(): number {
    const settled = this.#pack ? this.#packSize - this.#pack.size : 0;
    return this.#entries.size + this.#packs.keys - settled;
  }

  /** Notes an event that was just recorded. */
  note(key: EventKey, row: string): void {
    const keep = this.#keepsRows && this.#rowBytes + row.length <= MAX_BACKLOG_ROW_BYTES;
    this.#remove(textOf(key));
    // Its newest revision is in the log, so an older entry has nothing to add.
    if (this.#pack?.delete(textOf(key))) this.#endPack();
    this.#add({ key, row: keep ? row : null, isRefused: false });
  }

  /** Lets go of what happened before a time, in epoch milliseconds: the log has deleted it. */
  forget(before: number): void {
    this.#oldest = before;
    for (const [text, { key }] of this.#entries) if (key[0] < before) this.#remove(text);
    for (const [text, { key }] of this.#pack ?? []) if (key[0] < before) this.#pack?.delete(text);
    this.#endPack();
  }

  /** The part of the log's state that says what the database lacks; spills what would be too much for it. */
  stored(): Owed {
    if (this.#keyBytes > MAX_BACKLOG_STATE_BYTES && !this.#isMoving) this.#spill();
    return { backlog: [...this.#entries.values()].map(({ key }) => key), packs: this.#packs };
  }

  /** Lets go of the rows in memory, and keeps no more of them until D1 takes some again. */
  releaseRows(): void {
    for (const entry of this.#entries.values()) entry.row = null;
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
    const shipment: Shipment = { entries: [], rows: [] };
    let bytes = 0;
    for (const entry of this.#inOrder()) {
      if (entry.isRefused) continue;
      if (shipment.rows.length === maxRows) break;
      const row = entry.row ?? read(entry.key);
      if (row === ELSEWHERE) {
        this.giveUp(entry.key);
        continue;
      }
      if (row === null) {
        // It cannot be, and must not hold up the others if it is.
        logFailure("backlog_without_event", "The backlog names an event that the log does not have");
        entry.isRefused = true;
        continue;
      }
      bytes += byteLength(row) + 1;
      if (bytes > MAX_STATEMENT_BYTES && shipment.rows.length > 0) break;
      shipment.entries.push(entry);
      shipment.rows.push(row);
    }
    return shipment.rows.length > 0 || this.#isPackDone() ? shipment : null;
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
      if (this.#pack?.get(text) === entry) this.#pack.delete(text);
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
    this.#pack?.delete(textOf(key));
    this.#remove(textOf(key));
  }

  /** Notes an event that another database has given up. */
  takeOver(key: EventKey): void {
    this.#remove(textOf(key));
    this.#add({ key, row: null, isRefused: false });
  }

  /** The oldest ones that are in memory. What has come since they spilled waits for the packs before it. */
  #inOrder(): Entry[] {
    const { first, next } = this.#packs;
    const isLast = next - first <= 1;
    return [...(this.#pack?.values() ?? []), ...(isLast ? this.#entries.values() : [])];
  }

  #add(entry: Entry): void {
    this.#entries.set(textOf(entry.key), entry);
    this.#keyBytes += keyBytes(entry.key);
    this.#rowBytes += entry.row?.length ?? 0;
  }

  #remove(text: string): void {
    const entry = this.#entries.get(text);
    if (!entry) return;
    this.#entries.delete(text);
    this.#keyBytes -= keyBytes(entry.key);
    this.#rowBytes -= entry.row?.length ?? 0;
  }

  #spill(): void {
    const { first, next, keys } = this.#packs;
    this.#values.put(
      this.#nameOf(next),
      [...this.#entries.values()].map(({ key }) => key),
    );
    this.#packs = { first, next: next + 1, keys: keys + this.#entries.size };
    this.#entries = new Map();
    this.#keyBytes = 0;
    this.#rowBytes = 0;
  }

  #loadPack(): void {
    if (this.#pack || this.#packs.first === this.#packs.next) return;
    const keys = this.#values.get(this.#nameOf(this.#packs.first)) ?? [];
    const entries = keys
      .filter(([timestamp]) => timestamp >= this.#oldest)
      .map((key) => [textOf(key), { key, row: null, isRefused: false }] as const);
    this.#packSize = keys.length;
    // An event that was updated since is among the entries, and D1 must not get it twice in a statement.
    this.#pack = new Map(entries.filter(([text]) => !this.#entries.has(text)));
  }

  #nameOf(pack: number): `backlog:${string}:${number}` {
    return `backlog:${this.#database}:${pack}`;
  }

  #isPackDone(): boolean {
    return this.#pack?.values().every(({ isRefused }) => isRefused) ?? false;
  }

  /** Deletes the first pack once D1 has all of it. What D1 refused of it goes on in the state. */
  #endPack(): boolean {
    if (!this.#pack || !this.#isPackDone()) return false;
    const { first, next, keys } = this.#packs;
    this.#values.delete(this.#nameOf(first));
    for (const entry of this.#pack.values()) this.#add(entry);
    this.#pack = null;
    this.#packs = { first: first + 1, next, keys: keys - this.#packSize };
    return true;
  }
}

function textOf([timestamp, event, messageId]: EventKey): string {
  return `${timestamp}\0${event}\0${messageId}`;
}

/** Roughly what a key takes in the log's state. */
function keyBytes([, event, messageId]: EventKey): number {
  return 16 + event.length + messageId.length;
}
