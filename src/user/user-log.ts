import { DurableObject } from "cloudflare:workers";
import type { TrackedEvent } from "../event/contract.ts";
import { Delivery } from "./delivery.ts";
import { type ErasureReceipt, forgettingDatabases, pendingErasures, receiptOf } from "./erasure.ts";
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

/** The authoritative log of one user, addressed by the user's id. It has everything the user did, once and in order. */
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
   * Records this user's events of a request, in their order. The answer is sent when they are on disk. Throws if an
   * event is another user's, because nobody would find it here.
   *
   * @param isDetailed whether the verdicts say what changed, for the live view
   */
  async record(events: TrackedEvent[], source: string | null, isDetailed = false): Promise<RecordAnswer> {
    if (events.some(({ userId }) => userId !== this.#name))
      throw new Error("An event belongs to another user than this log");
    const earliest = Math.min(...events.map(({ timestamp }) => timestamp));
    const oldest = await oldestTaken(this.env, earliest, Date.now());
    if (this.#isSuppressed) return { status: "recorded", verdicts: events.map(() => ({ status: "suppressed" })) };

    const now = Date.now();
    const limit = userRateLimit(this.env);
    const taken = takeTokens(this.#bucket, events.length, now, limit);
    if (!taken.ok) return { status: "rate_limited", limit, retryAfterMs: taken.retryAfterMs };

    const verdicts = this.#log.record(events, source, taken.bucket, now, oldest, isDetailed);
    this.#bucket = taken.bucket;
    // This also matters if all were duplicates: if the first answer was lost in a crash, the alarm may be lost as well.
    if (this.#log.backlogs.size > 0) await this.#delivery.expect(now);
    return { status: "recorded", verdicts };
  }

  /** Reads a page of the timeline, or null if no event of the user is stored. Writes nothing. */
  timeline(query: TimelineQuery): TimelinePage | null {
    const { state } = this.#log;
    const oldest = this.#oldestShown();
    if (!state || this.#log.isAllBefore(oldest)) return null;
    return readTimeline(this.ctx.storage.sql, state, { ...query, from: Math.max(query.from ?? 0, oldest) });
  }

  /** Null if no event of the user is stored. Writes nothing. */
  summary(): UserSummary | null {
    const { state, backlogs } = this.#log;
    const oldest = this.#oldestShown();
    return state && !this.#log.isAllBefore(oldest)
      ? readSummary(this.ctx.storage.sql, state, backlogs.size, oldest)
      : null;
  }

  /**
   * Erases the log at once, and its copies in D1 and the archive right after, or as soon as these can be reached.
   *
   * @returns how many events were erased now, and the receipt
   */
  async erase(): Promise<{ erased: number; receipt: ErasureReceipt }> {
    const now = Date.now();
    const erased = this.#log.erase(now);
    this.#bucket = undefined;
    // This also continues an erasure that was already under way, because its alarm may have been lost.
    if (pendingErasures(this.#values).length > 0) await this.#delivery.begin(now);
    return { erased, receipt: this.erasure() };
  }

  /** The user's erasures and how far each is; empty if there was none within ERASURE_RECEIPT_MS after its end. */
  erasure(): ErasureReceipt {
    return receiptOf(this.#values);
  }

  /** While a user is suppressed, nothing is recorded. An erasure does not end this. */
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

  /**
   * Sends a part of the log to a database again; see redelivery.ts. Sends nothing if no event of the user is stored.
   * Fails while events move: writers refuse only what was sent before the move, and this would be sent during it.
   */
  async redeliver(database: string, after: EventKey | null): Promise<Redelivered> {
    const { state, backlogs } = this.#log;
    if (!state) return { ok: true, events: 0, next: null };
    if (backlogs.isMoving) return { ok: false, error: "Events of the log are moving to another database; try again" };
    return redeliver(this.env, this.ctx.storage.sql, state, database, after);
  }

  /**
   * Delivers what D1 lacks, in case the alarm for it has been lost. Returns whether a database lacks events or has
   * something to erase.
   */
  async deliver(database: string): Promise<boolean> {
    const owed = [...this.#log.backlogs.databases, ...forgettingDatabases(this.#values)];
    if (owed.length > 0) await this.#delivery.begin(Date.now());
    return owed.includes(database);
  }

  /** Sets an alarm to delete events when they expire. Returns whether the log has events or an unfinished erasure. */
  async expire(): Promise<boolean> {
    await this.#delivery.expectExpiry(Date.now());
    return this.#log.state !== undefined || pendingErasures(this.#values).length > 0;
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    await this.#delivery.alarm(info?.isRetry === true, info?.scheduledTime);
  }

  /** Deletes all storage when nothing is left to keep, because even empty tables are billed. */
  async #releaseIfEmpty(): Promise<void> {
    const isEmpty = !this.#log.state && !this.#isSuppressed && this.#values.erasures().length === 0;
    if (!isEmpty) return;
    this.#delivery.forgetAlarm();
    this.#failures.forget();
    await this.ctx.storage.deleteAll();
  }

  /**
   * Events from before this time, in epoch milliseconds, are not shown. They have expired but may not be deleted yet.
   */
  #oldestShown(): number {
    return retentionCutoff(this.env, Date.now());
  }

  /**
   * The user's id. The log stores it as well, because the platform tells no name to an object that is called by its id.
   */
  get #name(): string {
    const name = this.ctx.id.name ?? this.#log.state?.userId;
    if (name === undefined) throw new Error("UserLog must be addressed by name: the name is the user's id");
    return name;
  }
}
