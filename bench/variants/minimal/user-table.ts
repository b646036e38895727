import { DurableObject } from "cloudflare:workers";
import type { TrackedEvent } from "../../../src/event/contract.ts";

/** The least that one object per user can do to store an event: one INSERT, without deduplication and a copy in D1. */
export class UserTable extends DurableObject {
  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    ctx.storage.sql.exec(
      "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, event TEXT, timestamp INTEGER, properties TEXT, context TEXT)",
    );
  }

  record(events: TrackedEvent[]): number[] {
    return events.map(
      ({ event, timestamp, properties, context }) =>
        this.ctx.storage.sql
          .exec<{ seq: number }>(
            "INSERT INTO events (event, timestamp, properties, context) VALUES (?, ?, ?, ?) RETURNING seq",
            event,
            timestamp,
            properties,
            context,
          )
          .one().seq,
    );
  }
}
