import type { D1Failure } from "../d1/d1-failure.ts";
import type { WriteOutcome } from "../d1/d1-writer.ts";
import { noteFull } from "../d1/open-databases.ts";
import { EVENT_ROW_VERSION } from "../d1/event-row.ts";
import {
  ALARM_OVERDUE_MS,
  EXPIRY_INTERVAL_MS,
  MAX_DELIVERY_RUN_MS,
  MAX_LASTING_DELAY_MS,
  SAFEGUARD_DELAY_MS,
} from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { callWriter } from "./call-writer.ts";
import { deliverErasure } from "./deliver-erasure.ts";
import { forgetReceipts, pendingErasures } from "./erasure.ts";
import type { EventLog } from "./event-log.ts";
import { expireLog } from "./expire-log.ts";
import { nextExpiry } from "./next-expiry.ts";
import { retryDelay } from "./retry-delay.ts";
import type { ValueStore } from "./stored-values.ts";

/** What a part of a run came to: all done, time up with more to do, or D1's trouble. */
type Progress = { kind: "done" } | { kind: "more" } | Failed;

interface Failed {
  kind: "failed";
  failure: D1Failure;
  error: string;
}

const DONE: Progress = { kind: "done" };

/**
 * Delivers one user's log to D1, and erasures with it. While the object is awake it delivers right after an event; the
 * alarm guards against a crash in between, and carries the retries while D1 is away.
 */
export class Delivery {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #log: EventLog;
  readonly #values: ValueStore;
  /** One run after the other: what one has sent must have settled before the next begins. */
  #running: Promise<void> = Promise.resolve();
  #isDueSoon = false;
  /** When the alarm is set to, in epoch milliseconds; null for none, undefined where that was not asked yet. */
  #alarmAt: number | null | undefined;
  /** In a row; on disk as well, since the object may sleep while it waits for D1. */
  #failures: number;
  /** When rows that D1 has refused are tried again, in epoch milliseconds. */
  #refusedUntil = 0;
  readonly #afterRun: () => Promise<void>;

  /** @param afterRun called after each run, when D1 may have forgotten all that it had to forget */
  constructor(ctx: DurableObjectState, env: Env, log: EventLog, values: ValueStore, afterRun: () => Promise<void>) {
    this.#ctx = ctx;
    this.#env = env;
    this.#log = log;
    this.#values = values;
    this.#failures = values.get("failures") ?? 0;
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
    // While D1 is away, the alarm's back-off holds for new events, too. Otherwise a far one is for a refused row alone.
    const isFarOff = alarmAt !== null && alarmAt > latest && this.#failures === 0;
    if (alarmAt === null || isOverdue || isFarOff) await this.#setAlarm(latest);
    if (this.#failures === 0) this.#runSoon();
  }

  /** Delivers now, after an erasure. The alarm is on disk first. */
  async begin(now: number): Promise<void> {
    await this.#setAlarm(now + SAFEGUARD_DELAY_MS);
    this.#runSoon();
  }

  /** Makes sure that an alarm goes off when something of the log has expired; at once if it has already. */
  async expectExpiry(now: number): Promise<void> {
    const expiry = nextExpiry(this.#env, this.#log);
    if (expiry === null) return;
    const alarmAt = await this.#alarm();
    if (alarmAt === null || alarmAt > Math.max(expiry, now)) await this.#setAlarm(Math.max(expiry, now));
  }

  /**
   * Carries on where a crash or D1's absence left off. Throws only where storage can set no alarm: the platform then
   * repeats it.
   *
   * @param isRetry whether an alarm before this one broke off
   */
  async alarm(isRetry: boolean): Promise<void> {
    this.#alarmAt = null;
    // The platform drops an alarm that broke off six times. Another one is set before that can happen again.
    if (isRetry) await this.#setAlarm(Date.now() + SAFEGUARD_DELAY_MS);
    await this.#run();
  }

  /** To be called when all storage was given back, and the alarm with it. */
  forgetAlarm(): void {
    this.#alarmAt = null;
  }

  #runSoon(): void {
    if (this.#isDueSoon) return;
    this.#isDueSoon = true;
    // Handed over: whatever this run does not do, the alarm does.
    this.#ctx.waitUntil(this.#run().catch((error: unknown) => logFailure("delivery_broke_off", error)));
  }

  /** Runs after those that are under way. Each is bounded in time, so that nothing stops for good. */
  #run(): Promise<void> {
    this.#running = this.#running.catch(() => {}).then(() => this.#deliver());
    return this.#running;
  }

  async #deliver(): Promise<void> {
    this.#isDueSoon = false;
    try {
      const failed = await this.#deliverAll();
      if (failed) return await this.#retryLater(failed.failure, `d1_${failed.failure}`, failed.error);
    } catch (error) {
      // The object's own storage. D1 had its answers in time, or nothing was sent.
      await this.#retryLater("away", "log_storage_failed", error);
    }
  }

  /** Returns D1's trouble, if any. Rejects with what the object's own storage throws. */
  async #deliverAll(): Promise<Failed | undefined> {
    if (Date.now() >= this.#refusedUntil) this.#log.backlog.retryRefused();
    const until = Date.now() + MAX_DELIVERY_RUN_MS;
    // Both are tried: they may be about two databases, of which only one fails.
    const progress = [
      await this.#deliverErasures(until),
      await this.#deliverEvents(until),
      await expireLog(this.#env, this.#log, until),
    ];
    const failed = progress.find((part) => part.kind === "failed");
    if (failed?.failure === "full" && this.#log.state) noteFull(this.#log.state.database, Date.now());
    if (failed) return failed;
    if (progress.some(({ kind }) => kind === "more")) await this.#setAlarm(Date.now());
    else await this.#setNextAlarm();
    if (this.#failures > 0) this.#values.delete("failures");
    this.#failures = 0;
    await this.#afterRun();
    return undefined;
  }

  /** Sets an alarm for what is left to do later, unless one is set. */
  async #setNextAlarm(): Promise<void> {
    const now = Date.now();
    const refusedUntil = Math.max(this.#refusedUntil, now + SAFEGUARD_DELAY_MS);
    const expiry = nextExpiry(this.#env, this.#log);
    const times = [
      forgetReceipts(this.#values, now),
      this.#log.backlog.size > 0 ? refusedUntil : null,
      expiry && Math.max(expiry, now + EXPIRY_INTERVAL_MS),
    ];
    const next = Math.min(...times.filter((time) => time !== null));
    if (Number.isFinite(next) && (await this.#alarm()) === null) await this.#setAlarm(next);
  }

  /** The alarm comes first: what is only bookkeeping may fail. */
  async #retryLater(failure: D1Failure, name: string, error: unknown): Promise<void> {
    this.#failures++;
    await this.#setAlarm(Date.now() + retryDelay(failure, this.#failures, Math.random()));
    this.#log.backlog.releaseRows();
    logFailure(name, error, { failures: this.#failures });
    try {
      this.#values.put("failures", this.#failures);
    } catch (cause) {
      logFailure("failures_not_stored", cause);
    }
  }

  async #deliverErasures(until: number): Promise<Progress> {
    let unfinished: Progress = DONE;
    for (const [generation, erasure] of pendingErasures(this.#values)) {
      const progress = await deliverErasure(this.#env, this.#values, generation, erasure, until);
      if (progress.kind === "more") return progress;
      if (progress.kind === "failed") unfinished = progress;
    }
    return unfinished;
  }

  async #deliverEvents(until: number): Promise<Progress> {
    for (;;) {
      const { state, backlog } = this.#log;
      const shipment = this.#log.nextShipment(this.#failures > 0);
      if (!state || !shipment) return DONE;
      if (Date.now() >= until) return { kind: "more" };
      const { userId, database, generation } = state;
      const { rows } = shipment;
      const shipped = { version: EVENT_ROW_VERSION, userId, generation, lacking: backlog.size, since: null, rows };
      const outcome: WriteOutcome =
        rows.length > 0
          ? await callWriter(this.#env, database, userId, (to) => to.insert(shipped))
          : { ok: true, refused: [] };
      if (!outcome.ok) return { kind: "failed", failure: outcome.failure, error: outcome.error };
      this.#log.settle(backlog, shipment, outcome.refused);
      if (outcome.refused.length > 0) this.#refusedUntil = Date.now() + MAX_LASTING_DELAY_MS;
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
