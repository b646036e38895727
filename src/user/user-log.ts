import { DurableObject } from "cloudflare:workers";
import type { TrackedEvent } from "../event/contract.ts";
import { Delivery } from "./delivery.ts";
import { type ErasureReceipt, pendingErasures, receiptOf } from "./erasure.ts";
import { retentionCutoff } from "../d1/retention.ts";
import { EventLog } from "./event-log.ts";
import { FailureStore } from "./failure-store.ts";
import { userRateLimit } from "./rate-limit.ts";
import { oldestTaken } from "./retention-floor.ts";
import type { Verdict } from "./record-event.ts";
import { type Redelivered, redeliver } from "./redelivery.ts";
import type { EventKey } from "./event-table.ts";
import { ValueStore } from "./stored-values.ts";
import { readSummary, type UserSummary } from "./summary.ts";
import { readTimeline, type TimelinePage, type TimelineQuery } from "./timeline.ts";
import { type RateLimit, takeTokens, type TokenBucket } from "./token-bucket.ts";

type RecordAnswer =
  | { status: "recorded"; verdicts: Verdict[] }
  /** None of the events was recorded. */
  | { status: "rate_limited"; limit: RateLimit; retryAfterMs: number };

/** The log of record of one user, addressed by the user's id. Everything a user did, once, in order. */
export class UserLog extends DurableObject<Env> {
  readonly #values = new ValueStore(this.ctx.storage);
  readonly #failures = new FailureStore(this.#values);
  readonly #log = new EventLog(this.ctx.storage, this.#values, this.env, this.#failures, () => this.#name);
  readonly #delivery = new Delivery(this.ctx, this.env, this.#log, this.#values, this.#failures, () =>
    this.#releaseIfEmpty(),
  );
  #bucket: TokenBucket | undefined = this.#log.state?.bucket;
  #isSuppressed = this.#values.get("suppressed") === true;

  /**
   * Records a request's events of this user, in their order. The answer leaves when they are on disk.
   * Throws where an event is another user's: it would be found by nobody.
   *
   * @param isDetailed whether the verdicts say what changed, for those who watch
   */
  async record(events: TrackedEvent[], source: string | null, isDetailed = false): Promise<RecordAnswer> {
    if (events.some(({ userId }) => userId !== this.#name)) throw new Error("An event is not this log's user's");
    const earliest = Math.min(...events.map(({ timestamp }) => timestamp));
    const oldest = await oldestTaken(this.env, earliest, Date.now());
    if (this.#isSuppressed) return { status: "recorded", verdicts: events.map(() => ({ status: "suppressed" })) };

    const now = Date.now();
    const limit = userRateLimit(this.env);
    const taken = takeTokens(this.#bucket, events.length, now, limit);
    if (!taken.ok) return { status: "rate_limited", limit, retryAfterMs: taken.retryAfterMs };

    const verdicts = this.#log.record(events, source, taken.bucket, now, oldest, isDetailed);
    this.#bucket = taken.bucket;
    // Where all were duplicates, too, if D1 lacks some: when their first answer was lost, so may have been their alarm.
    if (this.#log.backlogs.size > 0) await this.#delivery.expect(now);
    return { status: "recorded", verdicts };
  }

  /** Reads a page of the timeline, or null where nothing of the user is stored. Stores nothing itself. */
  timeline(query: TimelineQuery): TimelinePage | null {
    const { state } = this.#log;
    const oldest = this.#oldestShown();
    if (!state || this.#log.isAllBefore(oldest)) return null;
    return readTimeline(this.ctx.storage.sql, state, { ...query, from: Math.max(query.from ?? 0, oldest) });
  }

  /** Null where nothing of the user is stored. Stores nothing itself. */
  summary(): UserSummary | null {
    const { state, backlogs } = this.#log;
    const oldest = this.#oldestShown();
    return state && !this.#log.isAllBefore(oldest)
      ? readSummary(this.ctx.storage.sql, state, backlogs.size, oldest)
      : null;
  }

  /**
   * Erases the log at once, and what D1 and the archive have of it right after, however long they are away.
   *
   * @returns how many events were erased now, and the receipt
   */
  async erase(): Promise<{ erased: number; receipt: ErasureReceipt }> {
    const now = Date.now();
    const erased = this.#log.erase(now);
    this.#bucket = undefined;
    // Also for an erasure that is under way already, should its alarm have been lost.
    if (pendingErasures(this.#values).length > 0) await this.#delivery.begin(now);
    return { erased, receipt: this.erasure() };
  }

  /** What was erased of the user, and how far that has come; empty where nothing was, or all was forgotten long ago. */
  erasure(): ErasureReceipt {
    return receiptOf(this.#values);
  }

  /** While a user is suppressed, nothing is recorded. Outlasts an erasure. */
  async setSuppressed(suppressed: boolean): Promise<void> {
    if (suppressed === this.#isSuppressed) return;
    if (suppressed) this.#values.put("suppressed", true);
    else this.#values.delete("suppressed");
    this.#isSuppressed = suppressed;
    await this.#releaseIfEmpty();
  }

  isSuppressed(): boolean {
    return this.#isSuppressed;
  }

  /** Sends a part of the log to a database again; see redelivery.ts. Of a user of whom nothing is stored there is nothing. */
  async redeliver(database: string, after: EventKey | null): Promise<Redelivered> {
    const { state } = this.#log;
    if (!state) return { ok: true, events: 0, next: null };
    return redeliver(this.env, this.ctx.storage.sql, state, database, after);
  }

  /** Delivers what D1 lacks, should the alarm for it have been lost. */
  async deliver(): Promise<void> {
    const isLacking = this.#log.backlogs.size > 0 || pendingErasures(this.#values).length > 0;
    if (isLacking) await this.#delivery.begin(Date.now());
  }

  /** Lets go of what has expired, or sets an alarm for it. Returns whether anything of the user is kept at all. */
  async expire(): Promise<boolean> {
    await this.#delivery.expectExpiry(Date.now());
    return this.#log.state !== undefined || pendingErasures(this.#values).length > 0;
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    await this.#delivery.alarm(info?.isRetry === true, info?.scheduledTime);
  }

  /** Gives all storage back when nothing is left to remember: emptied tables would still be billed. */
  async #releaseIfEmpty(): Promise<void> {
    const isEmpty = !this.#log.state && !this.#isSuppressed && this.#values.erasures().length === 0;
    if (!isEmpty) return;
    this.#delivery.forgetAlarm();
    this.#failures.forget();
    await this.ctx.storage.deleteAll();
  }

  /** What has expired is not shown, however long it takes until it is deleted. Epoch milliseconds. */
  #oldestShown(): number {
    return retentionCutoff(this.env, Date.now());
  }

  /** The user's id. The log keeps it, too: the platform does not tell an object that is addressed by its id alone. */
  get #name(): string {
    const name = this.ctx.id.name ?? this.#log.state?.userId;
    if (name === undefined) throw new Error("UserLog must be addressed by name: the name is the user's id");
    return name;
  }
}
