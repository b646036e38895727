import type { D1Writer, WriteOutcome } from "../d1/d1-writer.ts";
import { ALARM_OVERDUE_MS, MAX_RUN_STATEMENTS, SAFETY_ALARM_MS, SHIP_DELAY_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { isDue, markErased, nextRepetition, readErasure } from "./erasure.ts";
import type { StoredLogState } from "./log-state.ts";
import { markShipped, nextShipment } from "./outbox.ts";
import { retryDelay } from "./retry-delay.ts";

/**
 * Brings D1 up to date with one user's log. The alarm is what makes it certain: wherever D1 lacks something, one is
 * set. While the object is awake it does not wait for that and delivers soon after an event, so that an active user
 * needs one alarm in a while instead of one for every event.
 */
export class Delivery {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #userId: string;
  readonly #state: StoredLogState;
  /** One run after the other: what one has sent must have settled before the next begins. */
  #running: Promise<void> = Promise.resolve();
  #isDueSoon = false;
  /** In a row; on disk as well, since the object may sleep while it waits for D1. */
  #failures: number;

  constructor(ctx: DurableObjectState, env: Env, userId: string, state: StoredLogState) {
    this.#ctx = ctx;
    this.#env = env;
    this.#userId = userId;
    this.#state = state;
    this.#failures = ctx.storage.kv.get("ship_failures") ?? 0;
  }

  /**
   * Makes sure that what was just recorded will be delivered. To be awaited before it is answered: an alarm is on
   * disk then. One that is set stays, or a busy user would push it away for ever; only one that is set for the
   * repetition of an erasure is brought forward.
   *
   * @param now epoch milliseconds
   */
  async expect(now: number): Promise<void> {
    const { storage } = this.#ctx;
    const isFailing = this.#failures > 0;
    const alarm = await storage.getAlarm();
    const isFarOff = alarm !== null && alarm > now + SAFETY_ALARM_MS && !isFailing;
    if (alarm === null || alarm < now - ALARM_OVERDUE_MS || isFarOff) await storage.setAlarm(now + SAFETY_ALARM_MS);
    // While D1 is away, the alarm's back-off holds for new events, too.
    if (!isFailing) this.#runSoon();
  }

  /** Runs after those that are under way. Does not throw on D1's account: it sets the alarm again, for ever. */
  run(): Promise<void> {
    // Where the run before failed on the object's own storage, this one is tried all the same.
    this.#running = this.#running.catch(() => {}).then(() => this.#deliver());
    return this.#running;
  }

  #runSoon(): void {
    if (this.#isDueSoon) return;
    this.#isDueSoon = true;
    this.#ctx.waitUntil(scheduler.wait(SHIP_DELAY_MS).then(() => this.run()));
  }

  async #deliver(): Promise<void> {
    const { storage } = this.#ctx;
    this.#isDueSoon = false;
    try {
      const failed = await this.#deliverErasures();
      if (!failed.has(this.#state.current?.database)) await this.#deliverEvents();
      for (const error of failed.values()) throw error;
      if (this.#failures > 0) storage.kv.delete("ship_failures");
      this.#failures = 0;
      const repetition = nextRepetition(storage);
      if (repetition !== undefined && (await storage.getAlarm()) === null) await storage.setAlarm(repetition);
    } catch (error) {
      storage.kv.put("ship_failures", ++this.#failures);
      logFailure("ship_failed", error, { failures: this.#failures });
      // Over an alarm that an event may have set meanwhile: that D1 is away holds for this event, too.
      await storage.setAlarm(Date.now() + retryDelay(this.#failures, Math.random()));
    }
  }

  /**
   * Before the events, so that what D1 has to forget is gone when a new log's rows arrive. A database that fails holds
   * up no other.
   *
   * @returns what the databases that failed have thrown
   */
  async #deliverErasures(): Promise<Map<string | undefined, unknown>> {
    const { storage } = this.#ctx;
    const failed = new Map<string | undefined, unknown>();
    for (const [database, erasure] of Object.entries(readErasure(storage))) {
      if (!isDue(erasure, Date.now())) continue;
      try {
        await written(this.#writer(database).erase(this.#userId, erasure.generation));
        markErased(storage, database, erasure.generation, Date.now());
      } catch (error) {
        failed.set(database, error);
      }
    }
    return failed;
  }

  async #deliverEvents(): Promise<void> {
    const { storage } = this.#ctx;
    for (let statements = 1; ; statements++) {
      const shipment = nextShipment(storage.sql, this.#userId, this.#state.current);
      if (!shipment) return;
      await written(this.#writer(shipment.database).insert(shipment.rows));
      markShipped(storage.sql, shipment, this.#state);
      // What was recorded meanwhile has called for a run of its own.
      if (!shipment.isFull) return;
      // Or a crash in a long backlog would begin it anew, for ever where the run is too long for the platform.
      this.#state.save();
      if (statements < MAX_RUN_STATEMENTS) continue;
      await storage.setAlarm(Date.now());
      return;
    }
  }

  #writer(database: string): DurableObjectStub<D1Writer> {
    return this.#env.D1_WRITER.getByName(database);
  }
}

async function written(outcome: Promise<WriteOutcome>): Promise<void> {
  const result = await outcome;
  if (!result.ok) throw new Error(result.error);
}
