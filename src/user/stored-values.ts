import type { D1Failure } from "../d1/d1-failure.ts";
import type { ErasedKey } from "../d1/erase-events.ts";
import type { EventKey, LogRow } from "./event-table.ts";
import type { Profile } from "./profile.ts";
import type { TokenBucket } from "./token-bucket.ts";

/** The state of a user's log: one value, written with every request that records something. */
export interface LogState {
  /** Whose log this is. An object cannot always tell its own name. */
  userId: string;
  /**
   * Random, so that this log's rows in D1 can be told from those of an erased log of the user, whatever the clock says.
   */
  generation: number;
  /** The binding of the D1 database that new events are copied to. */
  database: string;
  headSeq: number;
  /** The latest event time, in epoch milliseconds; -1 in an empty log. */
  headTimestamp: number;
  /** The user's rate as of this write. */
  bucket: TokenBucket;
  profile: Profile;
  /** How many events have been deleted because of `RETENTION_DAYS`, all from before a time in epoch milliseconds. */
  expired?: { events: number; before: number };
  /**
   * What `database` lacked when this was written. It may have received some of it since; it ignores what it gets twice.
   */
  backlog: EventKey[];
  /** The numbers of the packs that hold further keys of the backlog, without `next`, and how many keys they hold. */
  packs: { first: number; next: number; keys: number };
  /** Only present if the log has continued in another database. */
  moved?: Moved;
  /**
   * The log's only event, as long as there is no table. Most visitors of a public page send one and never come back.
   */
  only?: LogRow;
}

/** What one database lacks of a log. */
export type Owed = Pick<LogState, "backlog" | "packs">;

/** A part of a log. Its events from number `first` on, up to the next stretch, are copied to `database`. */
export interface Stretch {
  first: number;
  database: string;
}

/** Where the events of a log are copied to if the log has not stayed in one database. */
export interface Moved {
  /** In the order of the log. The last one names the database that new events go to. */
  stretches: Stretch[];
  /** What each other database lacks, for all databases that may have anything of the log. */
  others: Record<string, Owed>;
  /** How often events were moved out of a full database. A writer refuses a call with a lower number as outdated. */
  moves: number;
  /**
   * The latest event time when the log last moved, in epoch milliseconds. Days until then may be in several databases.
   */
  until: number;
}

/** An erased log: where it still has to be erased from and, for a while after that, the receipt. */
export interface Erasure {
  userId: string;
  /** How many events the log had. */
  events: number;
  /** Epoch milliseconds. */
  erasedAt: number;
  /** Every database that may have anything of the log, with its archive. */
  copies: ErasedCopy[];
  /** How many packs of keys there are, `erased:<generation>:0` and so on. Each is deleted when no copy needs it. */
  packs: number;
  /** When the log had been erased from every copy, in epoch milliseconds; null until then. */
  doneAt: number | null;
}

/** How far an erased log has been erased from a database and its archive. */
export interface ErasedCopy {
  database: string;
  /** How many events of the log belong there. */
  events: number;
  /** Where the log has to be erased from next. D1 comes first, which stores the tombstone that keeps late rows out. */
  stage: "d1" | "archive" | "done";
  /** The number of the next pack for D1. */
  pack: number;
  /** The days that still have to be searched in the archive, which has its files by day, as YYYY-MM-DD. */
  days: string[];
  /** How many of the archive's files were rewritten. */
  files: number;
}

/** How often in a row a database has failed, and when it is tried again, in epoch milliseconds. */
export interface Failures {
  count: number;
  failure: D1Failure;
  retryAt: number;
}

/**
 * Every value that a user's object keeps in its key-value storage, besides the table `events`. Each is billed as a row
 * when it is written and again when it is deleted.
 */
interface StoredValues {
  /** Written by event-log.ts, from the first event until the log is erased or has expired. */
  log: LogState;
  /**
   * Keys of events that a database lacks, if they are too many for the log's state, by the database and the number of
   * the pack. Written by backlog-packs.ts, and deleted when the database has received the events.
   */
  [pack: `backlog:${string}:${number}`]: EventKey[];
  /**
   * The time of a message that has an id and no time of its own, by event and id, so that a retry is recognised.
   * Written by known-time.ts, and kept as long as the event.
   */
  [time: `time:${string}`]: number;
  /** By generation. Written by erasure.ts, and deleted ERASURE_RECEIPT_MS after the erasure is complete. */
  [erasure: `erasure:${number}`]: Erasure;
  /**
   * The keys of an erased log's events, by generation and number of the pack. Deleted when D1 has deleted the events.
   */
  [keys: `erased:${number}:${number}`]: ErasedKey[];
  /** By database. Written by failure-store.ts, and deleted when no database fails any more. */
  failures: Record<string, Failures>;
  /** Present while nothing of the user may be recorded. Written by user-log.ts. An erasure does not delete it. */
  suppressed: true;
}

type Name = keyof StoredValues;

/** The key-value storage of a user's object, with types. Synchronous, and part of the transaction that is under way. */
export class ValueStore {
  readonly #kv: SyncKvStorage;
  /** True once a listing found none. Every delivery asks several times, and each listing is a query. */
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

  /** The erased logs with their generations, in no particular order. */
  erasures(): [generation: number, Erasure][] {
    if (this.#hasNoErasures) return [];
    const found = [...this.#kv.list<Erasure>({ prefix: "erasure:" })];
    this.#hasNoErasures = found.length === 0;
    return found.map(([name, erasure]) => [Number(name.slice("erasure:".length)), erasure]);
  }

  /** Deletes at most `limit` of the times of messages from before a time, in epoch milliseconds. Returns how many. */
  deleteTimesBefore(before: number, limit: number): number {
    const names: string[] = [];
    for (const [name, time] of this.#kv.list<number>({ prefix: "time:" })) {
      if (time < before) names.push(name);
      if (names.length === limit) break;
    }
    for (const name of names) this.#kv.delete(name);
    return names.length;
  }

  /** Deletes every value whose name begins with the family's. */
  deleteAll(family: "backlog" | "time"): void {
    for (const name of Array.from(this.#kv.list({ prefix: `${family}:` }), ([found]) => found)) this.#kv.delete(name);
  }
}
