import { DurableObject } from "cloudflare:workers";
import { databaseNamed } from "../d1/databases.ts";
import type { TrackedEvent } from "../event/contract.ts";
import { ALARM_OVERDUE_MS, SHIP_DELAY_MS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { readLogState, writeLogState } from "./log-state.ts";
import { readHead, type Recorded, recordEvent } from "./record-event.ts";
import { applySchema, hasSchema } from "./schema.ts";
import { retryDelay, shipEvents } from "./ship-events.ts";
import { readTimeline, type TimelinePage, type TimelineQuery } from "./timeline.ts";

/** The log of record of one user, addressed by the user's id. Everything a user did, once, in order. */
export class UserLog extends DurableObject<Env> {
  /** Runs of the alarm, one after the other: a shipment must have settled before the next is put together. */
  #shipping: Promise<void> = Promise.resolve();

  /** Records a request's events of this user, in their order. The answer leaves when they are on disk. */
  async record(events: TrackedEvent[], source: string | null): Promise<Recorded[]> {
    const { storage } = this.ctx;
    const now = Date.now();
    const recorded = storage.transactionSync(() => {
      this.#begin(now);
      const head = readHead(storage.sql);
      return events.map((event) => recordEvent(storage.sql, head, event, source, now));
    });
    if (recorded.some(({ status }) => status === "created" || status === "updated")) await this.#armAlarm(now);
    return recorded;
  }

  /** Reads a page of the timeline, or null for a user of whom nothing was ever stored; stores nothing itself. */
  timeline(query: TimelineQuery): TimelinePage | null {
    if (!hasSchema(this.ctx.storage)) return null;
    applySchema(this.ctx.storage);
    return readTimeline(this.ctx.storage.sql, query);
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
      await shipEvents(storage, this.#userId, (name) => databaseNamed(this.env, name));
      if (storage.kv.get("ship_failures") !== undefined) storage.kv.delete("ship_failures");
    } catch (error) {
      const failures = (storage.kv.get<number>("ship_failures") ?? 0) + 1;
      storage.kv.put("ship_failures", failures);
      logFailure("ship_failed", error, { failures });
      // Over an alarm that an event may have set meanwhile: that D1 is away holds for this event, too.
      await storage.setAlarm(Date.now() + retryDelay(failures, Math.random()));
    }
  }

  #begin(now: number): void {
    const { storage } = this.ctx;
    applySchema(storage);
    if (!readLogState(storage)) writeLogState(storage, { generation: now, database: "DB", shippedSeq: 0 });
  }

  /** An alarm that is set stays, or a busy user would push it away for ever. */
  async #armAlarm(now: number): Promise<void> {
    const alarm = await this.ctx.storage.getAlarm();
    if (alarm === null || alarm < now - ALARM_OVERDUE_MS) await this.ctx.storage.setAlarm(now + SHIP_DELAY_MS);
  }

  get #userId(): string {
    const { name } = this.ctx.id;
    if (name === undefined) throw new Error("UserLog must be addressed by name: the name is the user's id");
    return name;
  }
}
