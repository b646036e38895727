import { Backlog } from "./backlog.ts";
import type { LogState, Owed, ValueStore } from "./stored-values.ts";

/** The backlog of each database that may have events of a log. A log that has not moved has one. */
export class Backlogs {
  readonly #values: ValueStore;
  readonly #byDatabase = new Map<string, Backlog>();
  /** Events from before this time, in epoch milliseconds, have been deleted from the log. */
  #oldest: number;

  constructor(values: ValueStore, state?: LogState) {
    this.#values = values;
    this.#oldest = state?.expired?.before ?? 0;
    if (!state) return;
    const owed: [string, Owed][] = [[state.database, state], ...Object.entries(state.moved?.others ?? {})];
    for (const [database, lacking] of owed)
      this.#byDatabase.set(database, new Backlog(values, database, this.#oldest, lacking));
  }

  /** How many events their databases lack or only have in an older revision. */
  get size(): number {
    return this.#byDatabase.values().reduce((sum, { size }) => sum + size, 0);
  }

  /** The databases that lack events. */
  get databases(): string[] {
    return [...this.#byDatabase].flatMap(([database, { size }]) => (size > 0 ? [database] : []));
  }

  /** Whether events are moving from one database to another, so that the log does not know yet where they belong. */
  get isMoving(): boolean {
    return this.#byDatabase.values().some((backlog) => backlog.isMoving);
  }

  get(database: string): Backlog | undefined {
    return this.#byDatabase.get(database);
  }

  /** The backlog of a database. Adds an empty one if the log had nothing there before. */
  of(database: string): Backlog {
    const known = this.#byDatabase.get(database);
    const backlog = known ?? new Backlog(this.#values, database, this.#oldest);
    if (!known) this.#byDatabase.set(database, backlog);
    return backlog;
  }

  /** Drops the entries from before a time, in epoch milliseconds, because the log has deleted those events. */
  forget(before: number): void {
    this.#oldest = before;
    for (const backlog of this.#byDatabase.values()) backlog.forget(before);
  }

  /** Whether a backlog is still in use. After an erasure or a rollback it has been replaced. */
  includes(backlog: Backlog): boolean {
    return this.#byDatabase.values().some((one) => one === backlog);
  }

  /** The log's state with every backlog in it, as it is to be stored. */
  storedIn(state: LogState): LogState {
    const own = this.of(state.database).stored();
    if (!state.moved) return { ...state, ...own };
    const rest = [...this.#byDatabase].filter(([database]) => database !== state.database);
    const others = Object.fromEntries(rest.map(([database, backlog]) => [database, backlog.stored()]));
    return { ...state, ...own, moved: { ...state.moved, others } };
  }
}
