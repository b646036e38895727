import { DAY_MS } from "../d1/hour.ts";
import type { RetentionFloor } from "../d1/retention-floor.ts";
import { retentionCutoff } from "../d1/retention.ts";
import { writerOfLane } from "../d1/writer-of.ts";
import { FLOOR_MEMORY_MS, FLOOR_TIMEOUT_MS, MAX_FLOOR_AGE_MS, MIN_RETENTION_DAYS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";

/** The floor as this isolate last read it, and when, in epoch milliseconds. */
let known: { floor: RetentionFloor; at: number } | undefined;

/**
 * The time before which events are refused, in epoch milliseconds. This is what `RETENTION_DAYS` says or, if the
 * setting was shorter once, the time before which logs have deleted events. The keeper is only asked if an event is so
 * old that logs may have deleted events of its time. Rejects if the keeper does not answer and no recent answer is in
 * memory.
 *
 * @param earliest when the earliest of the events happened, in epoch milliseconds
 * @param now epoch milliseconds
 */
export async function oldestTaken(env: Env, earliest: number, now: number): Promise<number> {
  const cutoff = retentionCutoff(env, now);
  if (earliest >= now - MIN_RETENTION_DAYS * DAY_MS) return cutoff;
  return Math.max(cutoff, (await floorOf(env, now)).refused);
}

/**
 * The time before which all logs certainly refuse events by now, in epoch milliseconds. An answer from memory is at
 * most too low, which is safe. Rejects like `oldestTaken`.
 */
export async function deletableBefore(env: Env, now: number): Promise<number> {
  return (await floorOf(env, now)).deletable;
}

/** Raises the floor to what is refused now, and returns it. Rejects if the keeper does not answer. */
export function raiseFloor(env: Env, now: number): Promise<RetentionFloor> {
  return inTime(keeperOf(env).raiseRetentionFloor(retentionCutoff(env, now)));
}

async function floorOf(env: Env, now: number): Promise<RetentionFloor> {
  if (known && ageOf(known, now) < FLOOR_MEMORY_MS) return known.floor;
  try {
    known = { floor: await inTime(keeperOf(env).retentionFloor()), at: now };
  } catch (error) {
    if (!known || ageOf(known, now) >= MAX_FLOOR_AGE_MS) throw error;
  }
  return known.floor;
}

/**
 * One object keeps the floor for the whole deployment, because a log that has been deleted cannot remember it. It is
 * always the same one, even if that database is no longer bound; keeping a floor needs no database.
 */
function keeperOf(env: Env) {
  return writerOfLane(env, "DB", 0);
}

/** The age of an answer, in milliseconds. If the clock was set back, the answer is old as well. */
function ageOf({ at }: { at: number }, now: number): number {
  return Math.abs(now - at);
}

function inTime<T>(answer: Promise<T>): Promise<T> {
  return orTimeout(answer, FLOOR_TIMEOUT_MS, () => new Error("The keeper of the retention floor did not answer"));
}
