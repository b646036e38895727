import { MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS, MAX_WAITING_BYTES, STATEMENT_TIMEOUT_MS } from "../limits.ts";
import { byteLength } from "../event/json.ts";
import { orTimeout } from "../or-timeout.ts";

interface Part {
  rows: readonly string[];
  committed: PromiseWithResolvers<void>;
}

interface Group {
  parts: Part[];
  count: number;
  bytes: number;
  /** Nothing may join it. */
  isClosed: boolean;
  run: (rows: string[]) => Promise<void>;
}

/** What D1 says of rows that it will never take; anything else may pass. */
const REFUSAL = /SQLITE_(CONSTRAINT|MISMATCH|TOOBIG)/;

/**
 * Runs one statement at a time. While it is in flight the rows that arrive collect into the next one, so that
 * statements grow with the load. Each caller learns what became of the statement that held its rows, and only of that.
 * Where D1 refuses one caller's rows, the others' are sent without them.
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
    const waiting = this.#waiting.reduce((sum, group) => sum + group.bytes, bytes);
    if (this.#waiting.length > 0 && waiting > MAX_WAITING_BYTES) return Promise.reject(new Error("The writer is busy"));
    const last = this.#waiting.at(-1);
    const group = last && fits(last, rows.length, bytes) ? last : this.#enqueue(this.#insert);
    group.count += rows.length;
    group.bytes += bytes;
    return this.#join(group, rows);
  }

  /** Runs something else in the same line: after all that came before it, and before all that comes later. */
  run(task: () => Promise<void>): Promise<void> {
    const group = this.#enqueue(task);
    group.isClosed = true;
    return this.#join(group, []);
  }

  #enqueue(run: Group["run"]): Group {
    const group = { parts: [], count: 0, bytes: 0, isClosed: false, run };
    this.#waiting.push(group);
    return group;
  }

  #join(group: Group, rows: readonly string[]): Promise<void> {
    const committed = Promise.withResolvers<void>();
    // A caller that is gone by then hears nothing; its failure is no bug here.
    committed.promise.catch(() => {});
    group.parts.push({ rows, committed });
    // Handed over: it works for every caller, and each learns its outcome through its own part.
    if (!this.#running) void this.#drain();
    return committed.promise;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    for (let group = this.#waiting.shift(); group; group = this.#waiting.shift()) await commit(group.run, group.parts);
    this.#running = false;
  }
}

/** Does not throw: the callers are told. */
async function commit(run: Group["run"], parts: readonly Part[]): Promise<void> {
  try {
    await orTimeout(run(parts.flatMap(({ rows }) => rows)), STATEMENT_TIMEOUT_MS, "D1 did not answer");
    for (const { committed } of parts) committed.resolve();
  } catch (error) {
    if (parts.length > 1 && REFUSAL.test(String(error))) for (const part of parts) await commit(run, [part]);
    else for (const { committed } of parts) committed.reject(error);
  }
}

function fits(group: Group, count: number, bytes: number): boolean {
  return !group.isClosed && group.count + count <= MAX_STATEMENT_EVENTS && group.bytes + bytes <= MAX_STATEMENT_BYTES;
}
