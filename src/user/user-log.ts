import { DurableObject } from "cloudflare:workers";
import type { D1Writer, WriteOutcome } from "../d1/d1-writer.ts";
import { chooseDatabase } from "../d1/databases.ts";
import type { TrackedEvent } from "../event/contract.ts";
import { ALARM_OVERDUE_MS, SHIP_DELAY_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { eraseLog, isDue, markErased, nextGeneration, nextRepetition, readErasure } from "./erasure.ts";
import { readLogState, writeLogState } from "./log-state.ts";
import { markShipped, nextShipment } from "./outbox.ts";
import { userRateLimit } from "./rate-limit.ts";
import type { Recorded } from "./record-event.ts";
import { recordEvents } from "./record-events.ts";
import { retryDelay } from "./retry-delay.ts";
import { applySchema, hasSchema } from "./schema.ts";
import { readSummary, type UserSummary } from "./summary.ts";
import { readTimeline, type TimelinePage, type TimelineQuery } from "./timeline.ts";
import { type RateLimit, takeTokens, type TokenBucket } from "./token-bucket.ts";

export type RecordAnswer =
  | { status: "recorded"; recorded: Recorded[] }
  /** None of the events was recorded. */
  | { status: "rate_limited"; limit: RateLimit; retryAfterMs: number };

/** The log of record of one user, addressed by the user's id. Everything a user did, once, in order. */
export class UserLog extends DurableObject<Env> {
  /** Runs of the alarm, one after the other: what one has sent must have settled before the next begins. */
  #shipping: Promise<void> = Promise.resolve();

  #bucket: TokenBucket | undefined = readLogState(this.ctx.storage)?.bucket;

  /** Records a request's events of this user, in their order. The answer leaves when they are on disk. */
  async record(events: TrackedEvent[], source: string | null): Promise<RecordAnswer> {
    const { storage } = this.ctx;
    if (this.isSuppressed()) return { status: "recorded", recorded: events.map(() => ({ status: "suppressed" })) };

    const now = Date.now();
    const limit = userRateLimit(this.env);
    const taken = takeTokens(this.#bucket, events.length, now, limit);
    if (!taken.ok) return { status: "rate_limited", limit, retryAfterMs: taken.retryAfterMs };
    this.#bucket = taken.bucket;

    const recorded = storage.transactionSync(() => {
      this.#begin(now);
      return recordEvents(storage, events, source, now);
    });
    if (recorded.some(({ status }) => status === "created" || status === "updated")) await this.#armAlarm(now);
    return { status: "recorded", recorded };
  }

  /** Reads a page of the timeline, or null for a user of whom nothing is stored. Stores nothing itself. */
  timeline(query: TimelineQuery): TimelinePage | null {
    return this.#isKnown() ? readTimeline(this.ctx.storage.sql, query) : null;
  }

  /** Null for a user of whom nothing is stored. Stores nothing itself. */
  summary(): UserSummary | null {
    return this.#isKnown() ? readSummary(this.ctx.storage) : null;
  }

  /**
   * Erases the log at once, and the rows in D1 from the alarm, which goes on until D1 has forgotten.
   *
   * @returns how many events were erased
   */
  async erase(): Promise<number> {
    const erased = eraseLog(this.ctx.storage);
    // Also for an erasure that is under way already, should its alarm have been lost.
    if (Object.keys(readErasure(this.ctx.storage)).length > 0) await this.ctx.storage.setAlarm(Date.now());
    return erased;
  }

  /** While a user is suppressed, nothing is recorded. Outlasts an erasure. */
  async setSuppressed(suppressed: boolean): Promise<void> {
    const { storage } = this.ctx;
    if (suppressed === this.isSuppressed()) return;
    if (suppressed) storage.kv.put("suppressed", true);
    else storage.kv.delete("suppressed");
    await this.#releaseIfEmpty();
  }

  isSuppressed(): boolean {
    return this.ctx.storage.kv.get("suppressed") === true;
  }

  /**
   * Brings D1 up to date. Never throws on D1's account, since the platform drops an alarm that threw six times:
   * it sets itself again, for ever.
   */
  override async alarm(): Promise<void> {
    // Where the run before failed on the object's own storage, this one is tried all the same.
    this.#shipping = this.#shipping.catch(() => {}).then(() => this.#ship());
    await this.#shipping;
  }

  async #ship(): Promise<void> {
    const { storage } = this.ctx;
    try {
      await this.#shipErasures();
      await this.#shipEvents();
      if (storage.kv.get("ship_failures") !== undefined) storage.kv.delete("ship_failures");
      const repetition = nextRepetition(storage);
      if (repetition !== undefined && (await storage.getAlarm()) === null) await storage.setAlarm(repetition);
      await this.#releaseIfEmpty();
    } catch (error) {
      const failures = (storage.kv.get<number>("ship_failures") ?? 0) + 1;
      storage.kv.put("ship_failures", failures);
      logFailure("ship_failed", error, { failures });
      // Over an alarm that an event may have set meanwhile: that D1 is away holds for this event, too.
      await storage.setAlarm(Date.now() + retryDelay(failures, Math.random()));
    }
  }

  /** Before the events, so that what D1 has to forget is gone when a new log's rows arrive. */
  async #shipErasures(): Promise<void> {
    const { storage } = this.ctx;
    for (const [database, erasure] of Object.entries(readErasure(storage))) {
      if (!isDue(erasure, Date.now())) continue;
      await written(this.#writer(database).erase(this.#userId, erasure.generation));
      markErased(storage, database, erasure.generation, Date.now());
    }
  }

  async #shipEvents(): Promise<void> {
    const { storage } = this.ctx;
    for (let next = nextShipment(storage, this.#userId); next; next = nextShipment(storage, this.#userId)) {
      await written(this.#writer(next.database).insert(next.rows));
      markShipped(storage, next, this.#bucket);
    }
  }

  /** Gives all storage back when nothing is left to remember: emptied tables would still be billed. */
  async #releaseIfEmpty(): Promise<void> {
    const { storage } = this.ctx;
    const isEmpty = !hasSchema(storage) && !this.isSuppressed() && Object.keys(readErasure(storage)).length === 0;
    if (isEmpty) await storage.deleteAll();
  }

  #begin(now: number): void {
    const { storage } = this.ctx;
    applySchema(storage);
    if (!readLogState(storage))
      writeLogState(storage, {
        generation: nextGeneration(storage, now),
        database: chooseDatabase(this.env, this.#userId),
        shippedSeq: 0,
      });
  }

  /**
   * An alarm that is set stays, or a busy user would push it away for ever. Only one that is set for the repetition of
   * an erasure is brought forward; while D1 is away, one far off is meant to be.
   */
  async #armAlarm(now: number): Promise<void> {
    const { storage } = this.ctx;
    const alarm = await storage.getAlarm();
    const isFarOff = alarm !== null && alarm > now + SHIP_DELAY_MS && storage.kv.get("ship_failures") === undefined;
    if (alarm === null || alarm < now - ALARM_OVERDUE_MS || isFarOff) await storage.setAlarm(now + SHIP_DELAY_MS);
  }

  #isKnown(): boolean {
    if (!hasSchema(this.ctx.storage)) return false;
    applySchema(this.ctx.storage);
    return true;
  }

  #writer(database: string): DurableObjectStub<D1Writer> {
    return this.env.D1_WRITER.getByName(database);
  }

  get #userId(): string {
    const { name } = this.ctx.id;
    if (name === undefined) throw new Error("UserLog must be addressed by name: the name is the user's id");
    return name;
  }
}

async function written(outcome: Promise<WriteOutcome>): Promise<void> {
  const result = await outcome;
  if (!result.ok) throw new Error(result.error);
}
