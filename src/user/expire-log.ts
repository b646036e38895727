import { logCutoff } from "../d1/retention.ts";
import { callWriter } from "./call-writer.ts";
import type { EventLog } from "./event-log.ts";
import { deletableBefore } from "./retention-floor.ts";
import { databasesOf } from "./stretches.ts";

type Expired = { kind: "done" } | { kind: "more" } | { kind: "failed"; error: string };

/**
 * Deletes the expired events of a log. If all have expired, the directories remove the user first. After a crash in
 * between, the alarm continues, and a new event adds the user again. Rejects with what the object's own storage throws.
 *
 * @param until deletes no further chunk after this time, in epoch milliseconds
 */
export async function expireLog(env: Env, log: EventLog, until: number): Promise<Expired> {
  const cutoff = logCutoff(env, Date.now());
  // Without RETENTION_DAYS nothing is read.
  if (cutoff === 0 || (log.oldest() ?? Infinity) >= cutoff) return { kind: "done" };
  const deletable = await floorInTime(env);
  if (!deletable.ok) return { kind: "failed", error: deletable.error };
  const before = Math.min(cutoff, deletable.before);
  const { state } = log;
  for (const database of state ? databasesOf(state) : []) {
    // A new event may have added the user to this directory while another one was told.
    if (!state || !log.isAllBefore(before)) break;
    const { userId, generation } = state;
    const left = await callWriter(env, database, userId, (writer) => writer.leave(userId, generation));
    if (!left.ok) return { kind: "failed", error: left.error };
  }
  // Events may have arrived meanwhile, so the log checks again what it has.
  while (log.expire(before)) {
    if (Date.now() >= until) return { kind: "more" };
    // Other requests get their turn here, and the clock only advances across I/O.
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
