import type { TrackedEvent } from "../../event/contract.ts";
import type { Fault } from "../../event/fault.ts";
import type { ParsedEvent } from "../../event/parse-event.ts";
import { formatTimestamp } from "../../event/timestamp.ts";
import { MAX_EVENT_BYTES } from "../../limits.ts";
import { isWatched } from "../../live/watch.ts";
import { logFailure } from "../../log-failure.ts";
import { callUserLog } from "../../user/call-user-log.ts";
import { inTurns } from "../../user/in-turns.ts";
import type { Verdict } from "../../user/record-event.ts";
import type { VerdictDetail } from "../../user/verdict-detail.ts";
import type { RateLimit } from "../../user/token-bucket.ts";

/** What became of one event of a request. */
export type EventResult =
  | {
      status: "created" | "updated" | "duplicate";
      event: TrackedEvent;
      seq: number;
      revision: number;
      late: boolean;
      detail?: VerdictDetail;
    }
  | { status: "suppressed"; event: TrackedEvent }
  /** With `code` the refusal is final. Without it the client could mend the event. */
  | { status: "rejected"; code?: "expired"; faults: Fault[] };

/** What became of a request's events. If it is not "done", the client has to send the whole request again. */
export type RequestOutcome =
  | { outcome: "done"; results: EventResult[] }
  /** All events of at least one user were rejected, and those of other users were recorded. */
  | { outcome: "rate_limited"; results: EventResult[]; limit: RateLimit; retryAfterMs: number }
  /** A user's object could not be reached. */
  | { outcome: "unavailable" };

/**
 * Records a request's events with one call for each user, several at a time. The results are in the request's order.
 * Never rejects.
 *
 * @param source the name of the write key, or null if none is needed
 */
export async function recordRequest(
  env: Env,
  parsed: readonly ParsedEvent[],
  source: string | null,
  requestId: string,
): Promise<RequestOutcome> {
  const results: EventResult[] = parsed.map((item) => ({ status: "rejected", faults: item.ok ? [] : item.faults }));
  let refused: { limit: RateLimit; retryAfterMs: number } | undefined;
  const answered = await inTurns([...groupByUser(parsed)], async ([userId, group]) => {
    const events = group.map(({ event }) => event);
    const call = await callUserLog(env, userId, (log) => log.record(events, source, isWatched()));
    if (!call.ok) {
      logFailure("user_log_unreachable", call.error, { request_id: requestId });
      return false;
    }
    const answer = call.value;
    if (answer.status === "rate_limited" && answer.retryAfterMs >= (refused?.retryAfterMs ?? 0)) refused = answer;
    group.forEach(({ index, event }, i) => {
      results[index] = answer.status === "recorded" ? resultOf(event, answer.verdicts[i]!) : rateLimited(answer.limit);
    });
    return true;
  });
  if (!answered.every(Boolean)) return { outcome: "unavailable" };
  return refused ? { outcome: "rate_limited", results, ...refused } : { outcome: "done", results };
}

function rateLimited({ perSecond, burst }: RateLimit): EventResult {
  const detail = `is rejected with this user's other events in the request: at most ${perSecond} events a second, ${burst} at once`;
  return { status: "rejected", faults: [{ pointer: "", detail }] };
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

function resultOf(event: TrackedEvent, recorded: Verdict): EventResult {
  switch (recorded.status) {
    case "created":
      return { ...recorded, event };
    case "duplicate":
    case "updated":
      return { ...recorded, event, late: false };
    case "suppressed":
      return { status: "suppressed", event };
    case "expired": {
      const limit = recorded.oldest;
      const detail = `is before ${formatTimestamp(limit)}: this deployment does not store older events (RETENTION_DAYS), so do not send it again`;
      const fault = { pointer: "/timestamp", detail, limit, actual: event.timestamp };
      return { status: "rejected", code: "expired", faults: [fault] };
    }
    case "too_large": {
      const detail = `would be too large after the update: ${recorded.bytes} bytes, at most ${MAX_EVENT_BYTES}`;
      return {
        status: "rejected",
        faults: [{ pointer: "", detail, limit: MAX_EVENT_BYTES, actual: recorded.bytes }],
      };
    }
  }
}
