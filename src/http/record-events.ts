import type { TrackedEvent } from "../event/contract.ts";
import type { Fault } from "../event/fault.ts";
import type { ParsedEvent } from "../event/parse-event.ts";
import { MAX_EVENT_BYTES } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { callUserLog } from "../user/call-user-log.ts";
import type { Recorded } from "../user/record-event.ts";

/** What became of one event of a request. */
export type EventResult =
  | { status: "created" | "updated" | "duplicate"; event: TrackedEvent; seq: number; revision: number; late: boolean }
  | { status: "suppressed"; event: TrackedEvent }
  | { status: "rejected"; faults: Fault[] };

export type RecordedEvents = { ok: true; results: EventResult[] } | { ok: false };

/**
 * Records a request's events: one call for each user, all at once; results in the request's order. Not ok where a
 * user's object could not be reached: then the request as a whole is to be sent again.
 *
 * @param source the name of the write key, null where none is needed
 */
export async function recordEvents(
  env: Env,
  parsed: readonly ParsedEvent[],
  source: string | null,
  requestId: string,
): Promise<RecordedEvents> {
  const results: EventResult[] = parsed.map((item) => ({ status: "rejected", faults: item.ok ? [] : item.faults }));
  const calls = [...groupByUser(parsed)].map(async ([userId, group]) => {
    const events = group.map(({ event }) => event);
    const outcome = await callUserLog(env, userId, (log) => log.record(events, source));
    if (!outcome.ok) {
      logFailure("user_log_unreachable", outcome.error, { request_id: requestId });
      return false;
    }
    outcome.value.forEach((recorded, i) => {
      const { index, event } = group[i]!;
      results[index] = resultOf(event, recorded);
    });
    return true;
  });
  return (await Promise.all(calls)).every(Boolean) ? { ok: true, results } : { ok: false };
}

function groupByUser(parsed: readonly ParsedEvent[]): Map<string, { index: number; event: TrackedEvent }[]> {
  const users = new Map<string, { index: number; event: TrackedEvent }[]>();
  parsed.forEach((item, index) => {
    if (!item.ok) return;
    const group = users.get(item.event.userId) ?? [];
    group.push({ index, event: item.event });
    users.set(item.event.userId, group);
  });
  return users;
}

function resultOf(event: TrackedEvent, recorded: Recorded): EventResult {
  switch (recorded.status) {
    case "created":
      return { ...recorded, event };
    case "duplicate":
    case "updated":
      return { ...recorded, event, late: false };
    case "suppressed":
      return { status: "suppressed", event };
    case "too_large": {
      const detail = `would be too large after the update: ${recorded.bytes} bytes, at most ${MAX_EVENT_BYTES}`;
      return {
        status: "rejected",
        faults: [{ pointer: "", detail, limit: MAX_EVENT_BYTES, actual: recorded.bytes }],
      };
    }
  }
}
