import { DurableObject } from "cloudflare:workers";
import { logFailure } from "../log-failure.ts";
import { d1FailureOf } from "./d1-failure.ts";
import { databaseNamed } from "./databases.ts";
import { Directory, type ListedUser, type LogOwner, type Waiting } from "./directory.ts";
import { eraseEvents } from "./erase-events.ts";
import { EVENT_ROW_VERSION } from "./event-row.ts";
import { currentWalk, type ExpiryWalk, saveWalk } from "./expiry-walk.ts";
import { GroupCommit, LineFullError } from "./group-commit.ts";
import { insertEvents } from "./insert-events.ts";
import type { Rebuild } from "./rebuild.ts";
import { epochOf, type KeptKey, releaseEvents } from "./release-events.ts";
import { removeLeftovers } from "./remove-leftovers.ts";
import { insertTombstones } from "./replay-erasures.ts";
import { copyCutoff } from "./retention.ts";
import { raiseFloor, readFloor, type RetentionFloor } from "./retention-floor.ts";
import { type WriterCounts, WriterMetrics } from "./writer-metrics.ts";
import type { Answered, Erasure, Insertion, Leftovers, Release, WriteOutcome } from "./writer-calls.ts";
import { databaseOfWriter } from "./writer-name.ts";

export interface WriterStatus {
  waiting: Waiting;
  counts: WriterCounts;
}

/**
 * Writes to one D1 database for the users of one lane. D1 runs one statement at a time and charges no more for a large
 * one, so many users' events share a statement.
 *
 * Keeps no events: a user's object holds them until it was told that D1 has them.
 */
export class D1Writer extends DurableObject<Env> {
  readonly #directory = new Directory(this.ctx.storage);
  readonly #metrics = new WriterMetrics();
  /** The database's epoch; null where it has to be asked for. */
  #epoch: number | null = null;
  /** Counts what the line does, so that nothing goes on with what the line has given up. */
  #turn = 0;
  readonly #line = new GroupCommit<LogOwner>(async (rows, owners) => {
    const now = Date.now();
    // What leaves an object waits for what it has written: D1 has nobody's rows who is not in the directory.
    this.#directory.enter(owners);
    const epoch = await this.#epochInTurn();
    const shared = owners.flatMap((owner) => owner.shared ?? []);
    const sizeBytes = await insertEvents(this.#database, rows, copyCutoff(this.env, now), now, { epoch, shared });
    const since = owners.map((owner) => owner.since);
    this.#metrics.inserted(rows.length, since, Date.now(), sizeBytes);
  });

  /** Appends rows. Never throws: an exception would leave the caller with a broken stub and lose what D1 said. */
  async insert({ version, rows, ...owner }: Insertion): Promise<WriteOutcome> {
    const outcome = await this.#answer(version, async () => {
      this.#directory.follow(owner);
      const { refused } = await this.#line.add(rows, owner);
      if (refused.length > 0) logFailure("d1_row_refused", "D1 refuses rows", { rows: refused.length });
      return { refused };
    });
    try {
      if (outcome.ok) this.#directory.served(owner.userId);
      else this.#directory.waits(owner, Date.now());
    } catch (error) {
      logFailure("directory_not_written", error);
    }
    return outcome;
  }

  /** Erases events, after every insertion that came before, so that none outlasts it. Never throws. */
  erase({ version, userId, generation, keys, isLast }: Erasure): Promise<Answered<object>> {
    return this.#answer(version, async () => {
      await this.#runInLine(() => eraseEvents(this.#database, userId, generation, keys, Date.now()));
      if (isLast) this.#directory.erased(userId, generation, Date.now());
      return {};
    });
  }

  /**
   * Gives up events for another database, after every insertion that came before, and tells what the database has of
   * them all the same. From then on nothing that was sent before can bring the others here. Never throws.
   */
  release({ version, keys, writtenAfter, isAll, ...log }: Release): Promise<Answered<{ kept: KeptKey[] }>> {
    return this.#answer(version, async () => {
      // Before it waits in the line: an insertion that comes from now on, and was sent before, is refused.
      this.#directory.follow(log);
      const kept = await this.#runInLine(() => {
        this.#epoch = null;
        return releaseEvents(this.#database, log.userId, log.generation, keys, writtenAfter);
      });
      const revisions = new Map(keys.map(([, seq, revision]) => [seq, revision]));
      const isSettled = kept.every(([seq, revision]) => revision >= revisions.get(seq)!);
      if (isAll && isSettled) this.#directory.served(log.userId);
      return { kept };
    });
  }

  /** Removes what a restore has brought back although it belongs to another database. Never throws. */
  removeLeftovers({ version, keys, ...log }: Leftovers): Promise<Answered<object>> {
    return this.#answer(version, async () => {
      this.#directory.follow(log);
      await this.#runInLine(() => removeLeftovers(this.#database, log.userId, log.generation, keys));
      return {};
    });
  }

  /** Lets a user go of whose log nothing is kept any more, unless another log has begun. Never throws. */
  async leave(userId: string, generation: number): Promise<WriteOutcome> {
    try {
      this.#directory.left(userId, generation);
      return { ok: true, refused: [] };
    } catch (error) {
      return { ok: false, failure: "away", error: String(error) };
    }
  }

  /** Users of this lane in the order of their ids, those past one. */
  usersAfter(userId: string, limit: number): ListedUser[] {
    return this.#directory.usersAfter(userId, limit);
  }

  /** Whom to call upon next so that their logs let go of what has expired, and how far that is; null for nobody now. */
  expiryWalk(days: number | null, limit: number): { walk: ExpiryWalk; users: ListedUser[] } | null {
    const walk = currentWalk(this.ctx.storage.kv, days, Date.now());
    return walk && { walk, users: this.#directory.usersAfter(walk.after ?? "", limit) };
  }

  saveExpiryWalk(walk: ExpiryWalk): void {
    saveWalk(this.ctx.storage.kv, walk);
  }

  /** Below which no event is taken any more. Only the first lane of the first database is asked. */
  retentionFloor(): RetentionFloor {
    return readFloor(this.ctx.storage.kv);
  }

  /** @param to epoch milliseconds */
  raiseRetentionFloor(to: number): RetentionFloor {
    return raiseFloor(this.ctx.storage.kv, to, Date.now());
  }

  /** Forgets erasures from before a time (epoch milliseconds): no copy of the database is as old. */
  forgetErasures(before: number): void {
    this.#directory.forgetErasures(before);
  }

  /**
   * Tells the database again of some erasures of this lane's users, those past one. Throws what D1 throws.
   *
   * @returns the last of them, or null where there were none
   */
  async replayErasures(
    after: [userId: string, generation: number],
    limit: number,
  ): Promise<{ erasures: number; next: [userId: string, generation: number] | null }> {
    const found = this.#directory.erasuresAfter(after, limit);
    const last = found.at(-1);
    if (!last) return { erasures: 0, next: null };
    await this.#runInLine(() => insertTombstones(this.#database, found, Date.now()));
    return { erasures: found.length, next: [last.user_id, last.generation] };
  }

  /** How far the rebuilding of the database has come, or null where it never was. Only the first lane is asked. */
  rebuild(): Rebuild | null {
    return this.ctx.storage.kv.get<Rebuild>("rebuild") ?? null;
  }

  saveRebuild(rebuild: Rebuild): void {
    this.ctx.storage.kv.put("rebuild", rebuild);
  }

  /** How many users this lane has. Reads a row for each. */
  userCount(): number {
    return this.#directory.count();
  }

  /** What this lane's users wait for, and what it has done since it woke up. Reads no row. */
  status(): WriterStatus {
    return { waiting: this.#directory.waiting(), counts: this.#metrics.counts };
  }

  /** Users who have waited for D1 since before a time (epoch milliseconds), longest first. */
  longestWaiting(before: number, limit: number): string[] {
    return this.#directory.longestWaiting(before, limit);
  }

  async #answer<T extends object>(version: number, write: () => Promise<T>): Promise<Answered<T>> {
    if (version !== EVENT_ROW_VERSION)
      return { ok: false, failure: "unknown_version", error: `The writer knows version ${EVENT_ROW_VERSION}` };
    try {
      return { ok: true, ...(await write()) };
    } catch (error) {
      // It may have risen, and have been the reason.
      this.#epoch = null;
      const failure = error instanceof LineFullError ? "busy" : d1FailureOf(error);
      this.#metrics.failed(failure);
      return { ok: false, failure, error: String(error) };
    }
  }

  /** Runs something in the line, and hands on what it returns. */
  async #runInLine<T>(run: () => Promise<T>): Promise<T> {
    const found: T[] = [];
    await this.#line.run(async () => {
      this.#turn++;
      found.push(await run());
    });
    return found[0]!;
  }

  /**
   * The epoch for a statement of this turn. Throws where the line went on meanwhile: what it has given up must not be
   * sent under an epoch that it did not have.
   */
  async #epochInTurn(): Promise<number> {
    const turn = ++this.#turn;
    const epoch = this.#epoch ?? (await epochOf(this.#database));
    if (turn !== this.#turn) throw new Error("The statement was given up");
    this.#epoch = epoch;
    return epoch;
  }

  get #database(): D1Database {
    const { name } = this.ctx.id;
    if (name === undefined)
      throw new Error("D1Writer must be addressed by name: the name holds the database's binding");
    return databaseNamed(this.env, databaseOfWriter(name));
  }
}
