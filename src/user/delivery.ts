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
 * Delivers one user's log, and its erasures, to D1. While the object is awake it delivers right after an event. The
 * alarm covers a crash in between, and starts the retries while D1 is away. Each database has its own runs and its own
 * back-off, so that none waits for another.
 */
export class Delivery {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #log: EventLog;
  readonly #values: ValueStore;
  readonly #failures: FailureStore;
  /**
   * The last run for each database. Runs follow each other, because a run starts from what the one before has
   * delivered.
   */
  readonly #running = new Map<string, Promise<void>>();
  readonly #dueSoon = new Set<string>();
  /**
   * The time that the alarm is set to, in epoch milliseconds; null for no alarm, undefined if storage was not asked
   * yet.
   */
  #alarmAt: number | null | undefined;
  /** When the rows that a database has refused are tried again, in epoch milliseconds, by database. */
  readonly #refusedUntil = new Map<string, number>();
  readonly #afterRun: () => Promise<void>;

  /** @param afterRun called after each run, when the last erasure may be complete */
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
    // A new log has no alarm. Asking storage would be an `await`, and would commit the event before the alarm is set.
    if (!log.state) this.#alarmAt = null;
  }

  /**
   * Makes sure that what was just recorded is delivered. Await it before the request is answered, because then an alarm
   * is on disk. One alarm covers all events until it goes off. It is never set to a later time; otherwise a busy user
   * would postpone it for ever.
   *
   * @param now epoch milliseconds
   */
  async expect(now: number): Promise<void> {
    const latest = now + SAFEGUARD_DELAY_MS;
    const alarmAt = await this.#alarm();
    const isOverdue = alarmAt !== null && alarmAt < now - ALARM_OVERDUE_MS;
    // While a database is away, new events wait for its back-off as well. If none is away, a distant alarm is set for
    // something else, such as an expiry.
    const ready = this.#log.backlogs.databases.filter((database) => !this.#failures.get(database));
    const isFarOff = alarmAt !== null && alarmAt > latest && ready.length > 0;
    if (alarmAt === null || isOverdue || isFarOff) await this.#setAlarm(latest);
    for (const database of ready) this.#runSoon(database);
  }

  /** Delivers at once, for example after an erasure. An alarm is on disk when this resolves. */
  async begin(now: number): Promise<void> {
    await this.#setAlarm(now + SAFEGUARD_DELAY_MS);
    for (const database of this.#owed()) this.#runSoon(database);
  }

  /** Makes sure that an alarm goes off when the log's first event expires, or at once if it has expired. */
  async expectExpiry(now: number): Promise<void> {
    const expiry = nextExpiry(this.#env, this.#log);
    if (expiry === null) return;
    await this.#wakeBy(Math.max(expiry, now));
  }

  /**
   * Continues after a crash, or when D1 may be back. Throws only if storage cannot set an alarm; the platform then
   * repeats this one.
   *
   * @param isRetry whether the platform repeats an alarm that failed
   * @param scheduledAt the time that the alarm was set to, in epoch milliseconds; undefined if it is not known
   */
  async alarm(isRetry: boolean, scheduledAt: number | undefined): Promise<void> {
    const setTo = scheduledAt ?? this.#alarmAt ?? Infinity;
    this.#alarmAt = null;
    // The platform drops an alarm that has failed six times. So set a new one first.
    if (isRetry) await this.#setAlarm(Date.now() + SAFEGUARD_DELAY_MS);
    const reached = Math.max(Date.now(), setTo);
    const due = this.#owed().filter((database) => (this.#failures.get(database)?.retryAt ?? 0) <= reached);
    await Promise.all(due.map((database) => this.#run(database)));
    await this.#expire();
    await this.#finish();
  }

  /** Call it when all storage is deleted, and with it the alarm. */
  forgetAlarm(): void {
    this.#alarmAt = null;
  }

  /** The databases that lack events of the log, have something of it to erase, or are noted as failing. */
  #owed(): string[] {
    const owing = [...this.#log.backlogs.databases, ...forgettingDatabases(this.#values), ...this.#failures.databases];
    return [...new Set(owing)];
  }

  #runSoon(database: string): void {
    if (this.#dueSoon.has(database)) return;
    this.#dueSoon.add(database);
    // Nobody waits for this run, because the alarm does whatever it leaves undone.
    this.#ctx.waitUntil(this.#run(database).catch((error: unknown) => logFailure("delivery_broke_off", error)));
  }

  /** Runs after the runs that are under way. Each is bounded in time, so that none can block the others for ever. */
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
      // Only the object's own storage throws here. What was sent to D1 has been answered or has timed out.
      await this.#retryLater(database, "away", "log_storage_failed", error);
    }
  }

  /** Returns the database's failure, if there was one. Rejects with what the object's own storage throws. */
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

  /** Deletes expired events. Nobody waits for that, so a failure is tried again after MAX_LASTING_DELAY_MS. */
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

  /** Sets an alarm for what is left to do later, unless an alarm is already set. */
  async #finish(): Promise<void> {
    const now = Date.now();
    const expiry = nextExpiry(this.#env, this.#log) ?? Infinity;
    const receipt = forgetReceipts(this.#values, now) ?? Infinity;
    const next = Math.min(this.#nextTry(), receipt, Math.max(expiry, now + EXPIRY_INTERVAL_MS));
    if (Number.isFinite(next) && (await this.#alarm()) === null) await this.#setAlarm(next);
    await this.#afterRun();
  }

  /** When the next database has to be tried again, in epoch milliseconds; Infinity if nothing is left to deliver. */
  #nextTry(): number {
    const soon = Date.now() + SAFEGUARD_DELAY_MS;
    const times = this.#owed().map((database) => {
      const refusedUntil = this.#refusedUntil.get(database) ?? 0;
      return this.#failures.get(database)?.retryAt ?? Math.max(refusedUntil, soon);
    });
    return Math.min(...times);
  }

  /** Sets the alarm first, because the bookkeeping after it may fail. */
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

  /** When the alarm goes off, in epoch milliseconds; null if none is set. Asks storage once. */
  async #alarm(): Promise<number | null> {
    if (this.#alarmAt === undefined) {
      const found = await this.#ctx.storage.getAlarm();
      // Another request may have set the alarm meanwhile, or it may have gone off.
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
    // This is assigned before the `await`, so that no other request sets the alarm as well.
    this.#alarmAt = at;
    try {
      await this.#ctx.storage.setAlarm(at);
    } catch (error) {
      this.#alarmAt = undefined;
      throw error;
    }
  }
}
