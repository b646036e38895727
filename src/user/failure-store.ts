import type { D1Failure } from "../d1/d1-failure.ts";
import { retryDelay } from "./retry-delay.ts";
import type { Failures, ValueStore } from "./stored-values.ts";

/** Which databases fail, on disk as well, since the object may sleep while it waits for them. */
export class FailureStore {
  readonly #values: ValueStore;
  readonly #failures: Map<string, Failures>;

  constructor(values: ValueStore) {
    this.#values = values;
    this.#failures = new Map(Object.entries(values.get("failures") ?? {}));
  }

  get databases(): string[] {
    return [...this.#failures.keys()];
  }

  get(database: string): Readonly<Failures> | undefined {
    return this.#failures.get(database);
  }

  /** Counts a failure, in memory alone until `save`. */
  note(database: string, failure: D1Failure, now: number): Failures {
    const count = (this.#failures.get(database)?.count ?? 0) + 1;
    const noted = { count, failure, retryAt: now + retryDelay(failure, count, Math.random()) };
    this.#failures.set(database, noted);
    return noted;
  }

  /** Notes that a database fails no more. Memory goes by what is on disk, so this throws before it is believed. */
  clear(database: string): void {
    if (!this.#failures.has(database)) return;
    const rest = [...this.#failures].filter(([name]) => name !== database);
    if (rest.length === 0) this.#values.delete("failures");
    else this.#values.put("failures", Object.fromEntries(rest));
    this.#failures.delete(database);
  }

  save(): void {
    this.#values.put("failures", Object.fromEntries(this.#failures));
  }

  /** To be called when all storage was given back. */
  forget(): void {
    this.#failures.clear();
  }
}
