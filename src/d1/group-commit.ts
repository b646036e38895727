import {
  LINGER_MS,
  MAX_BISECTION_STATEMENTS,
  MAX_STATEMENT_BYTES,
  MAX_STATEMENT_EVENTS,
  MAX_WAITING_BYTES,
  MAX_WAITING_TASKS,
  STATEMENT_TIMEOUT_MS,
} from "../limits.ts";
import { byteLength } from "../event/json.ts";
import { orTimeout } from "../or-timeout.ts";
import { isRefusal } from "./d1-failure.ts";

/** What became of one caller's rows. */
interface Committed {
  /** The indexes of the rows that D1 refused. All others are in D1. */
  refused: number[];
}

interface Part<Owner> {
  rows: readonly string[];
  /** The owner of the rows; undefined for a task. */
  owner?: Owner;
  committed: PromiseWithResolvers<Committed>;
}

interface Group<Owner> {
  parts: Part<Owner>[];
  count: number;
  bytes: number;
  /** When its first part arrived, in epoch milliseconds. */
  begunAt: number;
  /** Resolves when nothing more fits. */
  filled: PromiseWithResolvers<void>;
  /** Runs instead of an insertion. Nothing may join such a group. */
  task?: () => Promise<void>;
}

/** The line rejects with this when it is full. */
export class LineFullError extends Error {}

class D1Timeout extends Error {}

/**
 * Runs one statement at a time for many callers. A statement waits LINGER_MS for more rows. While one is in flight, the
 * next one collects rows, so that statements grow with the load. Each caller is told what became of its own rows.
 *
 * If D1 refuses a statement, bisection finds the bad rows and the others are inserted. If D1 does not answer, everybody
 * in the line is told at once; otherwise each group would wait for its own timeout, one after the other.
 */
export class GroupCommit<Owner> {
  #waiting: Group<Owner>[] = [];
  #isRunning = false;
  readonly #insert: (rows: string[], owners: Owner[]) => Promise<void>;

  /** @param insert inserts the rows of one statement, which belong to these owners */
  constructor(insert: (rows: string[], owners: Owner[]) => Promise<void>) {
    this.#insert = insert;
  }

  /**
   * Adds rows, at most as many as fit one statement. Settles with the statement that they are in. Rejects with
   * LineFullError if too many bytes are waiting, and otherwise with what `insert` throws or if D1 does not answer.
   */
  add(rows: readonly string[], owner: Owner): Promise<Committed> {
    const bytes = rows.reduce((sum, row) => sum + byteLength(row) + 1, 0);
    const waiting = this.#waiting.reduce((sum, group) => sum + group.bytes, bytes);
    if (waiting > MAX_WAITING_BYTES) return Promise.reject(new LineFullError("The writer's line is full"));
    const last = this.#waiting.at(-1);
    const group = last && fits(last, rows.length, bytes) ? last : this.#enqueue();
    group.count += rows.length;
    group.bytes += bytes;
    if (group.count === MAX_STATEMENT_EVENTS) group.filled.resolve();
    return this.#join(group, { rows, owner });
  }

  /**
   * Runs a task in the same line, after everything that came before it and before everything that comes later. Tasks
   * have their own bound, so that waiting rows never keep them out. Rejects like `add`.
   */
  async run(task: () => Promise<void>): Promise<void> {
    if (this.#waiting.filter((group) => group.task).length >= MAX_WAITING_TASKS)
      throw new LineFullError("The writer's line is full");
    const group = this.#enqueue();
    group.task = task;
    group.filled.resolve();
    await this.#join(group, { rows: [] });
  }

  #enqueue(): Group<Owner> {
    // Nothing can join the previous group any more, so it need not wait.
    this.#waiting.at(-1)?.filled.resolve();
    const group: Group<Owner> = {
      parts: [],
      count: 0,
      bytes: 0,
      begunAt: Date.now(),
      filled: Promise.withResolvers<void>(),
    };
    this.#waiting.push(group);
    return group;
  }

  #join(group: Group<Owner>, part: Omit<Part<Owner>, "committed">): Promise<Committed> {
    const committed = Promise.withResolvers<Committed>();
    // The caller may be gone by then. An unhandled rejection would be reported as a bug.
    committed.promise.catch(() => {});
    group.parts.push({ ...part, committed });
    // Nobody waits for this, because it works for all callers and each learns the outcome through its own promise.
    if (!this.#isRunning) void this.#drain();
    return committed.promise;
  }

  async #drain(): Promise<void> {
    this.#isRunning = true;
    for (let group = this.#waiting[0]; group; group = this.#waiting[0]) {
      await linger(group);
      this.#waiting.shift();
      await this.#commit(group);
    }
    this.#isRunning = false;
  }

  /** Never rejects, because failures are reported to the callers. */
  async #commit({ parts, task }: Group<Owner>): Promise<void> {
    const owners = parts.flatMap(({ owner }) => (owner === undefined ? [] : [owner]));
    try {
      const refused = new Set(
        task
          ? await inTime(task()).then(() => [])
          : await this.#insertAll(
              parts.flatMap(({ rows }) => rows),
              owners,
            ),
      );
      let first = 0;
      for (const { rows, committed } of parts) {
        const own = rows.flatMap((_, index) => (refused.has(first + index) ? [index] : []));
        committed.resolve({ refused: own });
        first += rows.length;
      }
    } catch (error) {
      const isHanging = error instanceof D1Timeout;
      const failed = isHanging ? this.#waiting.splice(0).flatMap((group) => group.parts) : [];
      for (const { committed } of [...parts, ...failed]) committed.reject(error);
    }
  }

  /**
   * Inserts rows, and returns the indexes of those that D1 refuses. Rejects if D1 fails for another reason.
   *
   * Large parts are tried before small ones, so that good rows are in D1 early even if there are many bad ones.
   */
  async #insertAll(rows: string[], owners: Owner[]): Promise<number[]> {
    const refused: number[] = [];
    const parts = [{ start: 0, end: rows.length }];
    let statements = 0;
    for (const { start, end } of parts) {
      // If most rows are refused, the rows are probably not the reason. The rest counts as refused and is sent again
      // later.
      if (++statements > MAX_BISECTION_STATEMENTS) refused.push(...range(start, end));
      else if (await this.#isTaken(rows.slice(start, end), owners)) continue;
      else if (end - start === 1) refused.push(start);
      else {
        const middle = (start + end) >> 1;
        parts.push({ start, end: middle }, { start: middle, end });
      }
    }
    return refused;
  }

  /** Inserts rows. True if D1 has accepted all of them, false if it refuses at least one. */
  async #isTaken(rows: string[], owners: Owner[]): Promise<boolean> {
    try {
      await inTime(this.#insert(rows, owners));
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return false;
    }
  }
}

/** Waits until the group has collected for LINGER_MS, or nothing more fits. */
async function linger(group: Group<unknown>): Promise<void> {
  const rest = Math.min(LINGER_MS, group.begunAt + LINGER_MS - Date.now());
  if (rest > 0) await Promise.race([group.filled.promise, scheduler.wait(rest)]);
}

function inTime(answer: Promise<void>): Promise<void> {
  return orTimeout(answer, STATEMENT_TIMEOUT_MS, () => new D1Timeout("D1 did not answer"));
}

function fits(group: Group<unknown>, count: number, bytes: number): boolean {
  return !group.task && group.count + count <= MAX_STATEMENT_EVENTS && group.bytes + bytes <= MAX_STATEMENT_BYTES;
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, index) => start + index);
}
