import { DurableObject } from "cloudflare:workers";
import { chooseDatabase } from "../d1/databases.ts";
import type { TrackedEvent } from "../event/contract.ts";
import { Delivery } from "./delivery.ts";
import { eraseLog, nextGeneration, readErasure } from "./erasure.ts";
import { StoredLogState } from "./log-state.ts";
import { countPending } from "./outbox.ts";
import { userRateLimit } from "./rate-limit.ts";
import type { Verdict } from "./record-event.ts";
import { recordEvents } from "./record-events.ts";
import { applySchema } from "./schema.ts";
import { readSummary, type UserSummary } from "./summary.ts";
import { readTimeline, type TimelinePage, type TimelineQuery } from "./timeline.ts";
import { type RateLimit, takeTokens, type TokenBucket } from "./token-bucket.ts";

type RecordAnswer =
  | { status: "recorded"; recorded: Verdict[] }
  /** None of the events was recorded. */
  | { status: "rate_limited"; limit: RateLimit; retryAfterMs: number };

/** The log of record of one user, addressed by the user's id. Everything a user did, once, in order. */
export class UserLog extends DurableObject<Env> {
  readonly #state = new StoredLogState(this.ctx.storage);
  readonly #delivery = new Delivery(this.ctx, this.env, this.#userId, this.#state);
  #bucket: TokenBucket | undefined = this.#state.current?.bucket;
  #isSuppressed = this.ctx.storage.kv.get("suppressed") === true;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    // Only where there is a log: an object that is merely asked about its user must not begin to store.
    if (this.#state.current) applySchema(ctx.storage);
  }

  /** Records a request's events of this user, in their order. The answer leaves when they are on disk. */
  async record(events: TrackedEvent[], source: string | null): Promise<RecordAnswer> {
    const { storage } = this.ctx;
    if (this.#isSuppressed) return { status: "recorded", recorded: events.map(() => ({ status: "suppressed" })) };

    const now = Date.now();
    const limit = userRateLimit(this.env);
    const taken = takeTokens(this.#bucket, events.length, now, limit);
    if (!taken.ok) return { status: "rate_limited", limit, retryAfterMs: taken.retryAfterMs };

    const recorded = this.#state.transaction(() => {
      this.#begin(now);
      this.#state.save(taken.bucket);
      return recordEvents(storage, events, source, now);
    });
    this.#bucket = taken.bucket;
    // Where all were duplicates, too, if D1 lacks some: when their first answer was lost, so may have been their alarm.
    const isNew = recorded.some(({ status }) => status === "created" || status === "updated");
    if (isNew || countPending(storage.sql, this.#state.current!.shippedSeq) > 0) await this.#delivery.expect(now);
    return { status: "recorded", recorded };
  }

  /** Reads a page of the timeline, or null for a user of whom nothing is stored. Stores nothing itself. */
  timeline(query: TimelineQuery): TimelinePage | null {
    return this.#state.current ? readTimeline(this.ctx.storage.sql, query) : null;
  }

  /** Null for a user of whom nothing is stored. Stores nothing itself. */
  summary(): UserSummary | null {
    return this.#state.current ? readSummary(this.ctx.storage, this.#state.current.shippedSeq) : null;
  }

  /**
   * Erases the log at once, and the rows in D1 from the alarm, which goes on until D1 has forgotten.
   *
   * @returns how many events were erased
   */
  async erase(): Promise<number> {
    const erased = eraseLog(this.ctx.storage, this.#state);
    // Also for an erasure that is under way already, should its alarm have been lost.
    if (Object.keys(readErasure(this.ctx.storage)).length > 0) await this.ctx.storage.setAlarm(Date.now());
    return erased;
  }

  /** While a user is suppressed, nothing is recorded. Outlasts an erasure. */
  async setSuppressed(suppressed: boolean): Promise<void> {
    const { storage } = this.ctx;
    if (suppressed === this.#isSuppressed) return;
    if (suppressed) storage.kv.put("suppressed", true);
    else storage.kv.delete("suppressed");
    this.#isSuppressed = suppressed;
    await this.#releaseIfEmpty();
  }

  isSuppressed(): boolean {
    return this.#isSuppressed;
  }

  /**
   * Brings D1 up to date. Never throws on D1's account, since the platform drops an alarm that threw six times:
   * it sets itself again, for ever.
   */
  override async alarm(): Promise<void> {
    await this.#delivery.run();
    this.#state.save(this.#bucket);
    await this.#releaseIfEmpty();
  }

  /** Gives all storage back when nothing is left to remember: emptied tables would still be billed. */
  async #releaseIfEmpty(): Promise<void> {
    const { storage } = this.ctx;
    const isEmpty = !this.#state.current && !this.#isSuppressed && Object.keys(readErasure(storage)).length === 0;
    if (isEmpty) await storage.deleteAll();
  }

  #begin(now: number): void {
    if (this.#state.current) return;
    const { storage } = this.ctx;
    applySchema(storage);
    this.#state.begin({
      generation: nextGeneration(storage, now),
      database: chooseDatabase(this.env, this.#userId),
      shippedSeq: 0,
    });
  }

  get #userId(): string {
    const { name } = this.ctx.id;
    if (name === undefined) throw new Error("UserLog must be addressed by name: the name is the user's id");
    return name;
  }
}
