import type { D1Failure } from "../d1/d1-failure.ts";
import {
  ALARM_OVERDUE_MS,
  EXPIRY_INTERVAL_MS,
  MAX_DELIVERY_RUN_MS,
  MAX_LASTING_DELAY_MS,
  SAFEGUARD_DELAY_MS,
} from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { deliverTo } from "./deliver-to.ts";
import { forgetReceipts, forgettingDatabases } from "./erasure.ts";
import type { EventLog } from "./event-log.ts";
import { expireLog } from "./expire-log.ts";
import type { FailureStore } from "./failure-store.ts";
import { nextExpiry } from "./next-expiry.ts";
import type { ValueStore } from "./stored-values.ts";

/**
 * Delivers one user's log to D1, and erasures with it. While the object is awake it delivers right after an event; the
 * alarm guards against a crash in between, and carries the retries while D1 is away. Each database has runs and a back-off
 * of its own, so that none waits for another.
 */
export class Delivery {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #log: EventLog;
  readonly #values: ValueStore;
  readonly #failures: FailureStore;
  /** By database, one run after the other: what one has sent must have settled before the next begins. */
  readonly #running = new Map<string, Promise<void>>();
  readonly #dueSoon = new Set<string>();
  /** When the alarm is set to, in epoch milliseconds; null for none, undefined where that was not asked yet. */
  #alarmAt: number | null | undefined;
  /** By database, when rows that it has refused are tried again, in epoch milliseconds. */
  readonly #refusedUntil = new Map<string, number>();
  readonly #afterRun: () => Promise<void>;

  /** @param afterRun called after each run, when D1 may have forgotten all that it had to forget */
  constructor(
    ctx: DurableObjectState,
    env: Env,
    log: EventLog,
    values: ValueStore,
    failures: FailureStore,
    afterRun: () => Promise<void>,
  ) {
    this.#ctx = ctx;
    this.#env = env;
    this.#log = log;
    this.#values = values;
    this.#failures = failures;
    this.#afterRun = afterRun;
    // A new log has no alarm. To ask would be an await, and end the transaction with its event before the alarm is set.
    if (!log.state) this.#alarmAt = null;
  }

  /**
   * Makes sure that what was just recorded is delivered. To be awaited before it is answered: an alarm is on disk then.
   * One alarm serves all events until it goes off; it is never pushed away, or a busy user would do so for ever.
   *
   * @param now epoch milliseconds
   */
  async expect(now: number): Promise<void> {
    const latest = now + SAFEGUARD_DELAY_MS;
    const alarmAt = await this.#alarm();
    const isOverdue = alarmAt !== null && alarmAt < now - ALARM_OVERDUE_MS;
    // While a database is away, its back-off holds for new events, too. Otherwise a far alarm is for something else.
    const ready = this.#log.backlogs.databases.filter((database) => !this.#failures.get(database));
    const isFarOff = alarmAt !== null && alarmAt > latest && ready.length > 0;
    if (alarmAt === null || isOverdue || isFarOff) await this.#setAlarm(latest);
    for (const database of ready) this.#runSoon(database);
  }

  /** Delivers now, after an erasure. The alarm is on disk first. */
  async begin(now: number): Promise<void> {
    await this.#setAlarm(now + SAFEGUARD_DELAY_MS);
    for (const database of this.#owed()) this.#runSoon(database);
  }

  /** Makes sure that an alarm goes off when something of the log has expired; at once if it has already. */
  async expectExpiry(now: number): Promise<void> {
    const expiry = nextExpiry(this.#env, this.#log);
    if (expiry === null) return;
    await this.#wakeBy(Math.max(expiry, now));
  }

  /**
   * Carries on where a crash or D1's absence left off. Throws only where storage can set no alarm: the platform then
   * repeats it.
   *
   * @param isRetry whether an alarm before this one broke off
   * @param scheduledAt what it was set to, in epoch milliseconds; undefined where that is not known
   */
  async alarm(isRetry: boolean, scheduledAt: number | undefined): Promise<void> {
    const setTo = scheduledAt ?? this.#alarmAt ?? Infinity;
    this.#alarmAt = null;
    // The platform drops an alarm that broke off six times. Another one is set before that can happen again.
    if (isRetry) await this.#setAlarm(Date.now() + SAFEGUARD_DELAY_MS);
    const reached = Math.max(Date.now(), setTo);
    const due = this.#owed().filter((database) => (this.#failures.get(database)?.retryAt ?? 0) <= reached);
    await Promise.all(due.map((database) => this.#run(database)));
    await this.#expire();
    await this.#finish();
  }

  /** To be called when all storage was given back, and the alarm with it. */
  forgetAlarm(): void {
    this.#alarmAt = null;
  }

  /** The databases that lack something of the log, have something to forget, or are said to fail. */
  #owed(): string[] {
    const owing = [...this.#log.backlogs.databases, ...forgettingDatabases(this.#values), ...this.#failures.databases];
    return [...new Set(owing)];
  }

  #runSoon(database: string): void {
    if (this.#dueSoon.has(database)) return;
    this.#dueSoon.add(database);
    // Handed over: whatever this run does not do, the alarm does.
    this.#ctx.waitUntil(this.#run(database).catch((error: unknown) => logFailure("delivery_broke_off", error)));
  }

  /** Runs after those that are under way. Each is bounded in time, so that nothing stops for good. */
  #run(database: string): Promise<void> {
    const before = this.#running.get(database) ?? Promise.resolve();
    const run = before.catch(() => {}).then(() => this.#deliver(database));
    this.#running.set(database, run);
    return run;
  }

  async #deliver(database: string): Promise<void> {
    this.#dueSoon.delete(database);
    try {
      const failed = await this.#deliverAll(database);
      if (failed) await this.#retryLater(database, failed.failure, `d1_${failed.failure}`, failed.error);
    } catch (error) {
      // The object's own storage. D1 had its answers in time, or nothing was sent.
      await this.#retryLater(database, "away", "log_storage_failed", error);
    }
  }

  /** Returns the database's trouble, if any. Rejects with what the object's own storage throws. */
  async #deliverAll(database: string): Promise<{ failure: D1Failure; error: string } | undefined> {
    const now = Date.now();
    if (now >= (this.#refusedUntil.get(database) ?? 0)) this.#log.backlogs.get(database)?.retryRefused();
    const isCautious = this.#failures.get(database) !== undefined;
    const source = { env: this.#env, log: this.#log, values: this.#values };
    const { progress, hasRefused, movedTo } = await deliverTo(source, database, isCautious, now + MAX_DELIVERY_RUN_MS);
    if (hasRefused) this.#refusedUntil.set(database, Date.now() + MAX_LASTING_DELAY_MS);
    if (movedTo !== undefined && !this.#failures.get(movedTo)) this.#runSoon(movedTo);
    if (progress.kind === "failed") return progress;
    if (progress.kind === "more") await this.#setAlarm(Date.now());
    this.#failures.clear(database);
    await this.#finish();
    return undefined;
  }

  /** Lets go of what has expired. Nobody waits for that: what fails is tried again an hour later. */
  async #expire(): Promise<void> {
    const now = Date.now();
    try {
      const expired = await expireLog(this.#env, this.#log, now + MAX_DELIVERY_RUN_MS);
      if (expired.kind === "more") await this.#wakeBy(now);
      if (expired.kind !== "failed") return;
      logFailure("log_not_expired", expired.error);
    } catch (error) {
      logFailure("log_not_expired", error);
    }
    await this.#wakeBy(now + MAX_LASTING_DELAY_MS);
  }

  /** Sets an alarm for what is left to do later, unless one is set that is soon enough. */
  async #finish(): Promise<void> {
    const now = Date.now();
    const expiry = nextExpiry(this.#env, this.#log) ?? Infinity;
    const receipt = forgetReceipts(this.#values, now) ?? Infinity;
    const next = Math.min(this.#nextTry(), receipt, Math.max(expiry, now + EXPIRY_INTERVAL_MS));
    if (Number.isFinite(next) && (await this.#alarm()) === null) await this.#setAlarm(next);
    await this.#afterRun();
  }

  /** When something has to be tried again that is owed, in epoch milliseconds; Infinity where nothing is. */
  #nextTry(): number {
    const soon = Date.now() + SAFEGUARD_DELAY_MS;
    const times = this.#owed().map((database) => {
      const refusedUntil = this.#refusedUntil.get(database) ?? 0;
      return this.#failures.get(database)?.retryAt ?? Math.max(refusedUntil, soon);
    });
    return Math.min(...times);
  }

  /** The alarm comes first: what is only bookkeeping may fail. */
  async #retryLater(database: string, failure: D1Failure, name: string, error: unknown): Promise<void> {
    const { count } = this.#failures.note(database, failure, Date.now());
    await this.#setAlarm(this.#nextTry());
    this.#log.backlogs.get(database)?.releaseRows();
    logFailure(name, error, { database, failures: count });
    try {
      this.#failures.save();
    } catch (cause) {
      logFailure("failures_not_stored", cause);
    }
  }

  /** When the alarm goes off, in epoch milliseconds; null where none is set. Asks storage once. */
  async #alarm(): Promise<number | null> {
    if (this.#alarmAt === undefined) {
      const found = await this.#ctx.storage.getAlarm();
      // Unless another request has set it, or it has gone off, in the meantime.
      if (this.#alarmAt === undefined) this.#alarmAt = found;
    }
    return this.#alarmAt ?? null;
  }

  /** Sets the alarm, unless it goes off sooner. */
  async #wakeBy(at: number): Promise<void> {
    const alarmAt = await this.#alarm();
    if (alarmAt === null || alarmAt > at) await this.#setAlarm(at);
  }

  async #setAlarm(at: number): Promise<void> {
    // Before it is awaited, so that no other request sets one as well.
    this.#alarmAt = at;
    try {
      await this.#ctx.storage.setAlarm(at);
    } catch (error) {
      this.#alarmAt = undefined;
      throw error;
    }
  }
}
