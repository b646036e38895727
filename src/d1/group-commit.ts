import { MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS } from "../limits.ts";
import { byteLength } from "../event/json.ts";

interface Group {
  rows: string[];
  bytes: number;
  run: (rows: string[]) => Promise<void>;
  committed: PromiseWithResolvers<void>;
}

/**
 * Runs one statement at a time. While it is in flight the rows that arrive collect into the next one, so that
 * statements grow with the load. Each caller learns what became of the statement that held its rows, and only of that.
 */
export class GroupCommit {
  #waiting: Group[] = [];
  #running = false;
  readonly #insert: (rows: string[]) => Promise<void>;

  constructor(insert: (rows: string[]) => Promise<void>) {
    this.#insert = insert;
  }

  /** Adds rows, at most a statement's worth. Settles with the statement that they went into. */
  add(rows: readonly string[]): Promise<void> {
    const bytes = rows.reduce((sum, row) => sum + byteLength(row) + 1, 0);
    const last = this.#waiting.at(-1);
    const group = last && fits(last, rows.length, bytes) ? last : this.#enqueue(this.#insert);
    group.rows.push(...rows);
    group.bytes += bytes;
    return this.#committed(group);
  }

  /** Runs something else in the same line: after all that came before it, and before all that comes later. */
  run(task: () => Promise<void>): Promise<void> {
    const group = this.#enqueue(task);
    group.bytes = Infinity;
    return this.#committed(group);
  }

  #enqueue(run: Group["run"]): Group {
    const group = { rows: [], bytes: 0, run, committed: Promise.withResolvers<void>() };
    // A caller that is gone by then hears nothing; its failure is no bug here.
    group.committed.promise.catch(() => {});
    this.#waiting.push(group);
    return group;
  }

  #committed(group: Group): Promise<void> {
    // Handed over: it works for every caller, and each learns its outcome through its own group.
    if (!this.#running) void this.#drain();
    return group.committed.promise;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (let group = this.#waiting.shift(); group; group = this.#waiting.shift())
      // Also what throws before there is a promise, or every later caller would wait for ever.
      await Promise.try(group.run, group.rows).then(group.committed.resolve, group.committed.reject);
    this.#running = false;
  }
}

function fits(group: Group, count: number, bytes: number): boolean {
  return group.rows.length + count <= MAX_STATEMENT_EVENTS && group.bytes + bytes <= MAX_STATEMENT_BYTES;
}
