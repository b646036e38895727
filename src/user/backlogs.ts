import { Backlog } from "./backlog.ts";
import type { LogState, Owed, ValueStore } from "./stored-values.ts";

/** What each database lacks of a log: one of them, for a log that has not moved. */
export class Backlogs {
  readonly #values: ValueStore;
  readonly #byDatabase = new Map<string, Backlog>();
  /** What happened before this time, in epoch milliseconds, the log has let go of. */
  #oldest: number;

  constructor(values: ValueStore, state?: LogState) {
    this.#values = values;
    this.#oldest = state?.expired?.before ?? 0;
    if (!state) return;
    const owed: [string, Owed][] = [[state.database, state], ...Object.entries(state.moved?.others ?? {})];
    for (const [database, lacking] of owed)
      this.#byDatabase.set(database, new Backlog(values, database, this.#oldest, lacking));
  }

  /** How many events their databases lack, or have in an older revision only. */
  get size(): number {
    return this.#byDatabase.values().reduce((sum, { size }) => sum + size, 0);
  }

  /** The databases that lack something. */
  get databases(): string[] {
    return [...this.#byDatabase].flatMap(([database, { size }]) => (size > 0 ? [database] : []));
  }

  get(database: string): Backlog | undefined {
    return this.#byDatabase.get(database);
  }

  /** The backlog of a database, a new one where the log never had anything there. */
  of(database: string): Backlog {
    const known = this.#byDatabase.get(database);
    const backlog = known ?? new Backlog(this.#values, database, this.#oldest);
    if (!known) this.#byDatabase.set(database, backlog);
    return backlog;
  }

  /** Lets go of what happened before a time, in epoch milliseconds: the log has deleted it. */
  forget(before: number): void {
    this.#oldest = before;
    for (const backlog of this.#byDatabase.values()) backlog.forget(before);
  }

  /** Whether a backlog is still one of these. After an erasure or a rollback there are others. */
  includes(backlog: Backlog): boolean {
    return this.#byDatabase.values().some((one) => one === backlog);
  }

  /** A log's state with what each database lacks. */
  storedIn(state: LogState): LogState {
    const own = this.of(state.database).stored();
    if (!state.moved) return { ...state, ...own };
    const rest = [...this.#byDatabase].filter(([database]) => database !== state.database);
    const others = Object.fromEntries(rest.map(([database, backlog]) => [database, backlog.stored()]));
    return { ...state, ...own, moved: { ...state.moved, others } };
  }
}
