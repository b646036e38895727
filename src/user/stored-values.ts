import type { D1Failure } from "../d1/d1-failure.ts";
import type { ErasedKey } from "../d1/erase-events.ts";
import type { EventKey, LogRow } from "./event-table.ts";
import type { Profile } from "./profile.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** What a user's log knows of itself: one value, written with every request that records something. */
export interface LogState {
  /** Whose log this is. An object cannot always tell its own name. */
  userId: string;
  /** Random, so that it tells this log's rows in D1 from those of an erased predecessor, whatever the clock says. */
  generation: number;
  /** The binding of the D1 database that new events are copied to. */
  database: string;
  headSeq: number;
  /** The latest event time, in epoch milliseconds; -1 in an empty log. */
  headTimestamp: number;
  /** The user's rate as of this write. */
  bucket: TokenBucket;
  profile: Profile;
  /** What the log has let go of, as `RETENTION_DAYS` wants: how many events, all from before a time. */
  expired?: { events: number; before: number };
  /** What `database` lacked when this was written. It may have some of it by now: it ignores what it is sent again. */
  backlog: EventKey[];
  /** The packs of keys that the backlog has spilled into: from the one named `first` up to but not including `next`. */
  packs: { first: number; next: number; keys: number };
  /** Only in a log that has gone on in another database. */
  moved?: Moved;
  /** The only event, as long as there is no table: most visitors of a public page send one and never come back. */
  only?: LogRow;
}

/** What one database lacks of a log. */
export type Owed = Pick<LogState, "backlog" | "packs">;

/** A stretch of a log: its events from number `first` on, up to the next stretch, are copied to `database`. */
export interface Stretch {
  first: number;
  database: string;
}

/** Where the events of a log are copied that has not stayed in one database. */
export interface Moved {
  /** In the order of the log. The last one is of the database that new events go to. */
  stretches: Stretch[];
  /** What each other database lacks that may have anything of the log. */
  others: Record<string, Owed>;
  /** How often events were moved that a full database lacked. A call to a writer that says less was overtaken. */
  moves: number;
  /** The latest event time when the log last moved: until then a day may be in several databases. Epoch milliseconds. */
  until: number;
}

/** An erased log: what has still to forget it, and for a while after that the receipt. */
export interface Erasure {
  userId: string;
  /** How many events the log had. */
  events: number;
  /** Epoch milliseconds. */
  erasedAt: number;
  /** Every database that may have anything of the log, with its archive. */
  copies: ErasedCopy[];
  /** There are as many packs of keys to delete: `erased:<generation>:0` and so on. Each goes when no copy needs it more. */
  packs: number;
  /** When everything had forgotten, in epoch milliseconds; null until then. */
  doneAt: number | null;
}

/** How far a database has forgotten an erased log. */
export interface ErasedCopy {
  database: string;
  /** How many events of the log belong there. */
  events: number;
  /** What has to forget next. D1 comes first, and with it the tombstone that keeps late rows out. */
  stage: "d1" | "archive" | "done";
  /** The pack that D1 is told next. */
  pack: number;
  /** The days that the archive has still to look through, as YYYY-MM-DD: its files are by day. */
  days: string[];
  /** How many of the archive's files were written anew. */
  files: number;
}

/** How often in a row a database has failed, and when it is tried again, in epoch milliseconds. */
export interface Failures {
  count: number;
  failure: D1Failure;
  retryAt: number;
}

/**
 * Every value that a user's object keeps in its key-value storage, besides the table `events`. Each is a billed row
 * when it is written and when it is deleted.
 */
interface StoredValues {
  /** Written by event-log.ts, from the first event until the erasure. */
  log: LogState;
  /**
   * Written by backlog.ts when a database lacks more than the log's state should hold, by the database and the number of
   * the pack; deleted when the database has it.
   */
  [pack: `backlog:${string}:${number}`]: EventKey[];
  /**
   * The time of a message that has an id and no time of its own, by event and id: what it is found by when it is sent
   * again. Written by known-time.ts, for as long as the event is kept.
   */
  [time: `time:${string}`]: number;
  /** Written by erasure.ts, by generation, until ERASURE_RECEIPT_MS after everything has forgotten. */
  [erasure: `erasure:${number}`]: Erasure;
  /** The keys of an erased log's events, by generation and number of the pack, until D1 has deleted these. */
  [keys: `erased:${number}:${number}`]: ErasedKey[];
  /** By database. Written by delivery.ts, until none fails. */
  failures: Record<string, Failures>;
  /** Written by user-log.ts while nothing of the user is recorded. Outlasts an erasure. */
  suppressed: true;
}

type Name = keyof StoredValues;

/** The key-value storage of a user's object, typed. Synchronous, and part of the transaction that is under way. */
export class ValueStore {
  readonly #kv: SyncKvStorage;
  /** Known once storage was asked. Every delivery wants to know it several times, and to list is a query. */
  #hasNoErasures = false;

  constructor(storage: DurableObjectStorage) {
    this.#kv = storage.kv;
  }

  get<K extends Name>(name: K): StoredValues[K] | undefined {
    return this.#kv.get<StoredValues[K]>(name);
  }

  put<K extends Name>(name: K, value: StoredValues[K]): void {
    if (name.startsWith("erasure:")) this.#hasNoErasures = false;
    this.#kv.put(name, value);
  }

  delete(name: Name): void {
    this.#kv.delete(name);
  }

  /** The erased logs by their generations, in no order. */
  erasures(): [generation: number, Erasure][] {
    if (this.#hasNoErasures) return [];
    const found = [...this.#kv.list<Erasure>({ prefix: "erasure:" })];
    this.#hasNoErasures = found.length === 0;
    return found.map(([name, erasure]) => [Number(name.slice("erasure:".length)), erasure]);
  }

  /** Forgets some of the times of messages from before a time, in epoch milliseconds. Returns how many. */
  deleteTimesBefore(before: number, limit: number): number {
    const names: string[] = [];
    for (const [name, time] of this.#kv.list<number>({ prefix: "time:" })) {
      if (time < before) names.push(name);
      if (names.length === limit) break;
    }
    for (const name of names) this.#kv.delete(name);
    return names.length;
  }

  /** Deletes every value of a family. */
  deleteAll(family: "backlog" | "time"): void {
    for (const name of Array.from(this.#kv.list({ prefix: `${family}:` }), ([found]) => found)) this.#kv.delete(name);
  }
}
