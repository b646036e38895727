import { logCutoff } from "../d1/retention.ts";
import { callWriter } from "./call-writer.ts";
import type { EventLog } from "./event-log.ts";
import { deletableBefore } from "./retention-floor.ts";
import { databasesOf } from "./stretches.ts";

type Expired = { kind: "done" } | { kind: "more" } | { kind: "failed"; error: string };

/**
 * Lets go of what a log need not keep any longer, if there is any. Where that is all of it, the directories let the user
 * go first: should a crash come in between, the alarm finds the log again, and an event brings the user back.
 *
 * @param until begins nothing new after this, in epoch milliseconds
 */
export async function expireLog(env: Env, log: EventLog, until: number): Promise<Expired> {
  const cutoff = logCutoff(env, Date.now());
  // Without a setting nothing is read.
  if (cutoff === 0 || (log.oldest() ?? Infinity) >= cutoff) return { kind: "done" };
  const deletable = await floorInTime(env);
  if (!deletable.ok) return { kind: "failed", error: deletable.error };
  const before = Math.min(cutoff, deletable.before);
  const { state } = log;
  if (state && log.isAllBefore(before)) {
    const { userId, generation } = state;
    for (const database of databasesOf(state)) {
      const left = await callWriter(env, database, userId, (writer) => writer.leave(userId, generation));
      if (!left.ok) return { kind: "failed", error: left.error };
    }
  }
  // Events may have come meanwhile: the log looks again what it has.
  while (log.expire(before)) {
    if (Date.now() >= until) return { kind: "more" };
    // Lets others have their turn, and the clock go on.
    await scheduler.wait(0);
  }
  return { kind: "done" };
}

async function floorInTime(env: Env): Promise<{ ok: true; before: number } | { ok: false; error: string }> {
  try {
    return { ok: true, before: await deletableBefore(env, Date.now()) };
  } catch (error) {
    return { ok: false, error: String(error) };
  }
}
