import type { TokenBucket } from "./token-bucket.ts";

/** What a user's log knows of itself. */
export interface LogState {
  /** When the log was begun, in epoch milliseconds. Tells its rows in D1 from those of an erased predecessor. */
  generation: number;
  /** The binding of the D1 database that this log is copied to. Chosen at birth, kept for ever. */
  database: string;
  /** D1 has every event up to this seq, in some revision. */
  shippedSeq: number;
  /** The user's rate, as of the last write. */
  bucket?: TokenBucket;
}

const KEY = "log";

/**
 * The state of a user's log, read once. How far D1 has got moves in memory and is written along with the next event,
 * or by the alarm: a write of its own would cost as much as an event. Only a backlog pays for one, with each full
 * statement. Should it be lost, D1 gets a statement twice and ignores the second.
 */
export class StoredLogState {
  readonly #storage: DurableObjectStorage;
  #state: LogState | undefined;
  #isBehind = false;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#state = storage.kv.get<LogState>(KEY);
  }

  /** Undefined where no log was begun. */
  get current(): Readonly<LogState> | undefined {
    return this.#state;
  }

  begin(state: LogState): void {
    this.#state = state;
    this.#storage.kv.put(KEY, state);
  }

  /** Notes that D1 has the log up to a seq. */
  moveShipped(shippedSeq: number): void {
    if (!this.#state || shippedSeq <= this.#state.shippedSeq) return;
    this.#state = { ...this.#state, shippedSeq };
    this.#isBehind = true;
  }

  /** Writes what moved, and the user's rate with it where that is given. Free where nothing did. */
  save(bucket?: TokenBucket): void {
    if (!this.#state || !this.#isBehind) return;
    this.begin({ ...this.#state, ...(bucket && { bucket }) });
    this.#isBehind = false;
  }

  /** Runs a transaction. Where it throws and is rolled back, the state in memory falls back to that on disk. */
  transaction<T>(run: () => T): T {
    try {
      return this.#storage.transactionSync(run);
    } catch (error) {
      this.#state = this.#storage.kv.get<LogState>(KEY);
      this.#isBehind = false;
      throw error;
    }
  }

  erase(): void {
    this.#storage.kv.delete(KEY);
    this.#state = undefined;
    this.#isBehind = false;
  }
}
