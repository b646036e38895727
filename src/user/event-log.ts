import { encodeEventRow } from "../d1/event-row.ts";
import type { TrackedEvent } from "../event/contract.ts";
import { EXPIRY_CHUNK_ROWS } from "../limits.ts";
import { type Backlog, ELSEWHERE, type Shipment } from "./backlog.ts";
import { Backlogs } from "./backlogs.ts";
import { eraseEventTable, keptEvents } from "./erasure.ts";
import {
  deleteRowsBefore,
  dropEventTable,
  type EventKey,
  keyOf,
  type LogRow,
  oldestTimestamp,
  readRow,
  storedEventOf,
} from "./event-table.ts";
import { newLog } from "./new-log.ts";
import type { Verdict } from "./record-event.ts";
import { recordRequest } from "./record-request.ts";
import type { FailureStore } from "./failure-store.ts";
import { countMove, finishMove, goOn, leavingOf, type Move, openDatabaseFor } from "./move.ts";
import type { LogState, ValueStore } from "./stored-values.ts";
import { databaseOf } from "./stretches.ts";
import { verdictDetail } from "./verdict-detail.ts";
import type { TokenBucket } from "./token-bucket.ts";

/**
 * The events of one user on disk, and which of them D1 lacks. Memory holds a copy of the log's state on disk. It is
 * read from disk again whenever a transaction is rolled back.
 */
export class EventLog {
  readonly #storage: DurableObjectStorage;
  readonly #values: ValueStore;
  readonly #env: Env;
  readonly #failures: FailureStore;
  readonly #userId: () => string;
  #state: LogState | undefined;
  #backlogs: Backlogs;

  constructor(
    storage: DurableObjectStorage,
    values: ValueStore,
    env: Env,
    failures: FailureStore,
    userId: () => string,
  ) {
    this.#storage = storage;
    this.#values = values;
    this.#env = env;
    this.#failures = failures;
    this.#userId = userId;
    this.#state = values.get("log");
    this.#backlogs = new Backlogs(values, this.#state);
  }

  /** Undefined if no event of the user is stored. */
  get state(): Readonly<LogState> | undefined {
    return this.#state;
  }

  get backlogs(): Backlogs {
    return this.#backlogs;
  }

  /**
   * Records a request's events in their order, in one synchronous transaction, so that two requests cannot interleave.
   *
   * @param bucket the user's rate after this request; it is only written if the request records something
   * @param now when the request was received, in epoch milliseconds
   * @param oldest events that happened before this time, in epoch milliseconds, are refused
   * @param isDetailed whether the verdicts say what changed
   */
  record(
    events: readonly TrackedEvent[],
    source: string | null,
    bucket: TokenBucket,
    now: number,
    oldest: number,
    isDetailed = false,
  ): Verdict[] {
    return this.#transaction(() => {
      const state = this.#state ? { ...this.#state, bucket } : newLog(this.#env, this.#userId(), bucket, now);
      const { headSeq, headTimestamp } = state;
      const storage = { sql: this.#storage.sql, values: this.#values };
      const recorded = recordRequest(storage, state, events, source, now, oldest);
      const changed = recorded.flatMap(({ changed: row }) => row ?? []);
      if (state.headSeq > headSeq) {
        const open = openDatabaseFor(this.#env, state, this.#failures, now);
        if (open && open !== state.database) goOn(state, headSeq + 1, open, headTimestamp);
      }
      for (const row of changed)
        this.#backlogs.of(databaseOf(state, row.seq)).note(keyOf(row), encode(row, state), now);
      if (changed.length > 0) this.#write(state);
      if (!isDetailed) return recorded.map(({ verdict }) => verdict);
      return recorded.map(({ verdict, changed: row, before }) => ({
        ...verdict,
        detail: verdictDetail(state.generation, row, before),
      }));
    });
  }

  /** The next rows for a database; null if nothing is due. */
  nextShipment(database: string, isCautious: boolean): Shipment | null {
    const state = this.#state;
    const backlog = this.#backlogs.get(database);
    if (!state || !backlog) return null;
    return backlog.next((key) => {
      const row = this.#read(key);
      if (!row) return null;
      if (databaseOf(state, row.seq) !== database) return ELSEWHERE;
      // The log does not keep when an event was updated.
      return { row: encode(row, state), since: row.revision === 1 ? row.received_at : null };
    }, isCautious);
  }

  /** Notes what a database has received. Writes to storage only when a pack of the backlog is done. */
  settle(backlog: Backlog, shipment: Shipment, refused: readonly number[]): void {
    // If the user was erased while we waited for D1, this backlog belongs to the old log. Its packs are deleted, and
    // the new log may have packs of the same names.
    if (!this.#backlogs.includes(backlog)) return;
    this.#transaction(() => {
      const isPackDone = backlog.settle(shipment, refused);
      if (isPackDone && this.#state) this.#write(this.#state);
    });
  }

  /**
   * Begins to move a part of what a full database lacks to an open one, and counts the move on disk. Null if no other
   * database is open, or nothing can move. Call `endMove` afterwards.
   */
  beginMove(from: string, now: number): Move | null {
    const state = this.#state;
    const backlog = this.#backlogs.get(from);
    const to = state && openDatabaseFor(this.#env, state, this.#failures, now);
    if (!state || !backlog || !to || to === from) return null;
    return this.#transaction(() => {
      const leaving = leavingOf(state, from, backlog, ({ key }) => this.#read(key));
      if (leaving.length === 0) {
        this.#write(state);
        return null;
      }
      const counted = countMove(state);
      this.#write(counted);
      return { from, to, backlog, leaving, moves: counted.moved!.moves, isAll: leaving.length === backlog.size };
    });
  }

  /**
   * Moves the events that the full database does not have.
   *
   * @param kept the revision of each event that it has, by number; null if it did not answer, so that nothing moves
   * @returns by how many events its backlog has become shorter
   */
  endMove(move: Move, kept: ReadonlyMap<number, number> | null): number {
    const { backlog } = move;
    if (!this.#backlogs.includes(backlog) || !this.#state) return 0;
    const before = backlog.size;
    const state = { ...this.#state };
    this.#transaction(() => {
      if (kept) finishMove(state, this.#backlogs, move, kept);
      backlog.endMove();
      this.#write(state);
    });
    return before - backlog.size;
  }

  /**
   * Erases the log, and notes in the same transaction which copies have to be erased. Returns how many events it had.
   *
   * @param now epoch milliseconds
   */
  erase(now: number): number {
    const state = this.#state;
    if (!state) return 0;
    this.#transaction(() => {
      eraseEventTable(this.#storage.sql, this.#values, state, now);
      this.#drop();
    });
    return keptEvents(state);
  }

  /** When the first event happened, in epoch milliseconds; null if there is none. */
  oldest(): number | null {
    if (!this.#state) return null;
    return this.#state.only?.timestamp ?? oldestTimestamp(this.#storage.sql);
  }

  /** Whether all events happened before a time, in epoch milliseconds. */
  isAllBefore(before: number): boolean {
    return this.#state !== undefined && this.#state.headTimestamp < before;
  }

  /**
   * Deletes events from before a time, in epoch milliseconds: a whole log at once, or else at most EXPIRY_CHUNK_ROWS.
   *
   * @returns whether there are more
   */
  expire(before: number): boolean {
    const state = this.#state;
    if (!state) return false;
    if (this.isAllBefore(before)) {
      // Dropping a table writes no row for each event.
      this.#transaction(() => this.#drop());
      return false;
    }
    return this.#transaction(() => {
      const removed = state.only ? 0 : deleteRowsBefore(this.#storage.sql, before, EXPIRY_CHUNK_ROWS);
      const times = this.#values.deleteTimesBefore(before, EXPIRY_CHUNK_ROWS);
      const events = (state.expired?.events ?? 0) + removed;
      if (removed > 0) {
        this.#backlogs.forget(before);
        this.#write({ ...state, expired: { events, before } });
      }
      return removed === EXPIRY_CHUNK_ROWS || times === EXPIRY_CHUNK_ROWS;
    });
  }

  #drop(): void {
    dropEventTable(this.#storage.sql);
    this.#values.deleteAll("backlog");
    this.#values.deleteAll("time");
    this.#values.delete("log");
    this.#state = undefined;
    this.#backlogs = new Backlogs(this.#values);
  }

  #read(key: EventKey): LogRow | undefined {
    return this.#state?.only ?? readRow(this.#storage.sql, key);
  }

  #write(state: LogState): void {
    const stored = this.#backlogs.storedIn(state);
    this.#values.put("log", stored);
    this.#state = stored;
  }

  #transaction<T>(run: () => T): T {
    try {
      return this.#storage.transactionSync(run);
    } catch (error) {
      this.#state = this.#values.get("log");
      this.#backlogs = new Backlogs(this.#values, this.#state);
      throw error;
    }
  }
}

function encode(row: LogRow, { userId, generation }: LogState): string {
  return encodeEventRow({ ...storedEventOf(row), user_id: userId, generation });
}
