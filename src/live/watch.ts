import {
  LIVE_ASK_INTERVAL_MS,
  LIVE_CALL_TIMEOUT_MS,
  LIVE_FLUSH_MS,
  MAX_BACKGROUND_RUN_MS,
  MAX_LIVE_EVENTS_PER_SECOND,
  MAX_LIVE_MESSAGE_BYTES,
  MAX_LIVE_WAITING_BYTES,
  MAX_LIVE_WAITING_REQUESTS,
} from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";
import { SingleRun } from "../single-run.ts";
import { type LiveFilter, matchesFields } from "./live-filter.ts";
import { type Arrival, liveVerdict, type LiveVerdict } from "./live-verdict.ts";
import { liveViewOf } from "./live-view-of.ts";
import { PerSecond } from "./per-second.ts";

// What an isolate knows about the viewers, and what it holds for them. No request waits for any of this: one request at
// a time, after its answer, hands over what all requests of the isolate have left.

/** The events of one request. */
interface Arrivals {
  events: number;
  /** The approximate memory that they hold, in bytes. */
  bytes: number;
  list: () => Arrival[];
}

/** What the viewers want to see; null if nobody watches. */
let filters: LiveFilter[] | null = null;
/** When the live view was last asked for viewers, in epoch milliseconds. */
let askedAt = 0;
let waiting: Arrivals[] = [];
let waitingBytes = 0;
let leftOut = 0;
const run = new SingleRun("live_view_unreachable");
const shown = new PerSecond(MAX_LIVE_EVENTS_PER_SECOND);

/** Whether anybody watches, as far as this isolate knows. */
export function isWatched(): boolean {
  return filters !== null;
}

/**
 * Tells the viewers about a request's events. Returns at once and costs almost nothing while nobody watches. Events are
 * remembered until the isolate has asked whether anybody does, so that a viewer misses no event that arrived after the
 * page was opened.
 *
 * @param now epoch milliseconds
 */
export function announce(env: Env, arrivals: Arrivals, now: number): void {
  if (waiting.length < MAX_LIVE_WAITING_REQUESTS && waitingBytes < MAX_LIVE_WAITING_BYTES) {
    waiting.push(arrivals);
    waitingBytes += arrivals.bytes;
  } else leftOut += arrivals.events;
  run.begin(now, () => handOver(env, now));
}

/** Runs while there is something to hand over, but no longer than a request may last after its answer. */
async function handOver(env: Env, begun: number): Promise<void> {
  while (waiting.length > 0 && Date.now() - begun < MAX_BACKGROUND_RUN_MS) {
    await scheduler.wait(filters ? LIVE_FLUSH_MS : Math.max(0, askedAt + LIVE_ASK_INTERVAL_MS - Date.now()));
    if (!filters || waitingEvents() > shown.room(Date.now())) {
      askedAt = Date.now();
      filters = await orTimeout(liveViewOf(env).watching(), LIVE_CALL_TIMEOUT_MS, noAnswer);
    }
    const taken = takeWaiting(filters);
    if (!taken) continue;
    // If the live view does not answer, nobody counts as watching.
    filters = null;
    filters = await orTimeout(liveViewOf(env).announce(taken.verdicts, taken.leftOut), LIVE_CALL_TIMEOUT_MS, noAnswer);
  }
}

function waitingEvents(): number {
  return waiting.reduce((sum, { events }) => sum + events, 0);
}

/**
 * Takes what waits, in the form that viewers get; null if nobody watches. Filters are applied only if there is too
 * much, and then they are fresh. The live view applies the current ones in any case.
 */
function takeWaiting(wanted: LiveFilter[] | null): { verdicts: LiveVerdict[]; leftOut: number } | null {
  const arrivals = waiting;
  const left = leftOut;
  waiting = [];
  waitingBytes = 0;
  leftOut = 0;
  if (!wanted) return null;
  const all = arrivals.flatMap(({ list }) => list());
  const room = shown.take(Date.now(), all.length);
  const fitting = room < all.length ? all.filter((arrival) => wanted.some((by) => matchesFields(by, arrival))) : all;
  const verdicts: LiveVerdict[] = [];
  let characters = 0;
  for (const arrival of fitting.slice(0, room)) {
    const verdict = liveVerdict(arrival);
    characters += verdict.line.length;
    if (characters > MAX_LIVE_MESSAGE_BYTES) break;
    verdicts.push(verdict);
  }
  return { verdicts, leftOut: left + fitting.length - verdicts.length };
}

function noAnswer(): Error {
  return new Error("The live view did not answer");
}
