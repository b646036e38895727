import type { TrackedEvent } from "../../../src/event/contract.ts";
import type * as tracklog from "../../../src/http/write/record-request.ts";

/**
 * What a team usually writes first: the request inserts into D1 and waits for it. Events have no order and no updates, and
 * are refused while D1 is down.
 */
export const recordRequest: typeof tracklog.recordRequest = async (env, parsed) => {
  const now = Date.now();
  const statement = env.DB.prepare(
    `INSERT INTO events (user_id, event, timestamp, message_id, properties, context, received_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const insertOf = (event: TrackedEvent) =>
    statement.bind(event.userId, event.event, event.timestamp, event.messageId, event.properties, event.context, now);
  const inserts = parsed.flatMap((item) => (item.ok ? [insertOf(item.event)] : []));
  const outcomes = inserts.length === 1 ? [await inserts[0]!.run()] : await env.DB.batch(inserts);
  let next = 0;
  return {
    outcome: "done",
    results: parsed.map((item) => {
      if (!item.ok) return { status: "rejected", faults: item.faults };
      const { meta } = outcomes[next++]!;
      const status = meta.changes > 0 ? "created" : "duplicate";
      return { status, event: item.event, seq: meta.last_row_id, revision: 1, late: false };
    }),
  };
};
