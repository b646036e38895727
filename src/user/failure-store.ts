import type { D1Failure } from "../d1/d1-failure.ts";
import { retryDelay } from "./retry-delay.ts";
import type { Failures, ValueStore } from "./stored-values.ts";

/** Which databases fail. This is also on disk, because the object may be evicted while it waits for them. */
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

  /** Counts a failure. It is only in memory until `save`. */
  note(database: string, failure: D1Failure, now: number): Failures {
    const count = (this.#failures.get(database)?.count ?? 0) + 1;
    const noted = { count, failure, retryAt: now + retryDelay(failure, count, Math.random()) };
    this.#failures.set(database, noted);
    return noted;
  }

  /** Notes that a database works again. Storage is written first, so that memory stays the same if storage throws. */
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

  /** Call it when all storage is deleted. */
  forget(): void {
    this.#failures.clear();
  }
}
