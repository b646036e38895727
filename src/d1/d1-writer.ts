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
 * Writes to one D1 database for the users of one lane. D1 runs one statement at a time and bills rows, not statements,
 * so many users' events share a statement.
 *
 * The writer stores no events. A user's object keeps them until it is told that D1 has them.
 */
export class D1Writer extends DurableObject<Env> {
  readonly #directory = new Directory(this.ctx.storage);
  readonly #metrics = new WriterMetrics();
  /** The database's epoch; null if it has to be read. */
  #epoch: number | null = null;
  /** Counts the statements of the line, so that a statement that has timed out can tell that it is too late. */
  #turn = 0;
  readonly #line = new GroupCommit<LogOwner>(async (rows, owners) => {
    const now = Date.now();
    // An object's outgoing calls wait for its writes, so D1 never has rows of a user who is not in the directory.
    this.#directory.enter(owners);
    const epoch = await this.#epochInTurn();
    const shared = owners.flatMap((owner) => owner.shared ?? []);
    const sizeBytes = await insertEvents(this.#database, rows, copyCutoff(this.env, now), now, { epoch, shared });
    const since = owners.map((owner) => owner.since);
    this.#metrics.inserted(rows.length, since, Date.now(), sizeBytes);
  });

  /** Appends rows. Never rejects, because an exception would break the caller's stub and hide what D1 said. */
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

  /**
   * Erases events. Runs after all insertions that came before, so that none adds an event afterwards. Never rejects.
   */
  erase({ version, userId, generation, keys, isLast }: Erasure): Promise<Answered<object>> {
    return this.#answer(version, async () => {
      await this.#runInLine(() => eraseEvents(this.#database, userId, generation, keys, Date.now()));
      if (isLast) this.#directory.erased(userId, generation, Date.now());
      return {};
    });
  }

  /**
   * Releases events that a log wants to move to another database, and returns those that stay here. Runs after all
   * insertions that came before. No earlier call can write the released events here afterwards. Never rejects.
   */
  release({ version, keys, writtenAfter, isAll, ...log }: Release): Promise<Answered<{ kept: KeptKey[] }>> {
    return this.#answer(version, async () => {
      // This happens before waiting in the line, so that an older insertion that arrives from now on is refused.
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

  /** Removes rows that belong to another database and that a restore has brought back. Never rejects. */
  removeLeftovers({ version, keys, ...log }: Leftovers): Promise<Answered<object>> {
    return this.#answer(version, async () => {
      this.#directory.follow(log);
      await this.#runInLine(() => removeLeftovers(this.#database, log.userId, log.generation, keys));
      return {};
    });
  }

  /** Ends the wait of a user whose log lacks nothing here any more, as after what it lacked has expired. */
  endWait(userId: string): void {
    this.#directory.served(userId);
  }

  /** Removes a user from the directory whose log has expired, unless the user has begun another log. Never rejects. */
  async leave(userId: string, generation: number): Promise<WriteOutcome> {
    try {
      this.#directory.left(userId, generation);
      return { ok: true, refused: [] };
    } catch (error) {
      return { ok: false, failure: "away", error: String(error) };
    }
  }

  /** A page of the users of this lane after one of them, in the order of their ids. */
  usersAfter(userId: string, limit: number): ListedUser[] {
    return this.#directory.usersAfter(userId, limit);
  }

  /**
   * The next users whose logs have to be woken for the expiry walk, and the walk itself; null if there are none now.
   */
  expiryWalk(days: number | null, limit: number): { walk: ExpiryWalk; users: ListedUser[] } | null {
    const walk = currentWalk(this.ctx.storage.kv, days, Date.now());
    return walk && { walk, users: this.#directory.usersAfter(walk.after ?? "", limit) };
  }

  saveExpiryWalk(walk: ExpiryWalk): void {
    saveWalk(this.ctx.storage.kv, walk);
  }

  /** The time before which no event is accepted. Only the first lane of `DB` is asked. */
  retentionFloor(): RetentionFloor {
    return readFloor(this.ctx.storage.kv);
  }

  /** @param to epoch milliseconds */
  raiseRetentionFloor(to: number): RetentionFloor {
    return raiseFloor(this.ctx.storage.kv, to, Date.now());
  }

  /** Deletes erasures from before a time (epoch milliseconds), because no copy of the database is that old. */
  forgetErasures(before: number): void {
    this.#directory.forgetErasures(before);
  }

  /**
   * Stores tombstones in the database again for a page of this lane's erasures, after one of them. Rejects with what D1
   * throws.
   *
   * @returns how many erasures there were, and the last of them or null
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

  /** How far the rebuilding of the database is, or null if there was none. Only the first lane is asked. */
  rebuild(): Rebuild | null {
    return this.ctx.storage.kv.get<Rebuild>("rebuild") ?? null;
  }

  saveRebuild(rebuild: Rebuild): void {
    this.ctx.storage.kv.put("rebuild", rebuild);
  }

  /** How many lanes the database has or ever had. Only the first lane is asked, and is told how many there are now. */
  laneCount(now: number): number {
    const known = this.ctx.storage.kv.get<number>("lanes") ?? 1;
    if (now > known) this.ctx.storage.kv.put("lanes", now);
    return Math.max(now, known);
  }

  /** How many users this lane has. Reads one row for each. */
  userCount(): number {
    return this.#directory.count();
  }

  /** How many users of this lane wait, and what the writer has done since it started. Reads no rows. */
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
      // A risen epoch may have been the reason, so read it again.
      this.#epoch = null;
      const failure = error instanceof LineFullError ? "busy" : d1FailureOf(error);
      this.#metrics.failed(failure);
      return { ok: false, failure, error: String(error) };
    }
  }

  /** Runs something in the line and returns its result. */
  async #runInLine<T>(run: () => Promise<T>): Promise<T> {
    const found: T[] = [];
    await this.#line.run(async () => {
      this.#turn++;
      found.push(await run());
    });
    return found[0]!;
  }

  /**
   * The epoch for the current statement. Throws if the statement timed out meanwhile and the line has moved on. Its
   * rows must not be sent under a newer epoch.
   */
  async #epochInTurn(): Promise<number> {
    const turn = ++this.#turn;
    const epoch = this.#epoch ?? (await epochOf(this.#database));
    if (turn !== this.#turn) throw new Error("The statement timed out before it was sent");
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
