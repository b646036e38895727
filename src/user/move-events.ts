import { archivedRevisions } from "../archive/archived-revisions.ts";
import { archiveBucket, Bucket } from "../archive/bucket.ts";
import type { D1Failure } from "../d1/d1-failure.ts";
import { EVENT_ROW_VERSION } from "../d1/event-row.ts";
import { DAY_MS, dayOf } from "../d1/hour.ts";
import { MIN_HOT_DAYS, WRITER_CALL_TIMEOUT_MS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";
import { callWriter } from "./call-writer.ts";
import type { EventLog } from "./event-log.ts";
import type { Move } from "./move.ts";

type Moved =
  /** By how many events the backlog of the full database has become shorter. */
  | { kind: "moved"; events: number; to: string }
  /** No other database is open, or nothing can move. */
  | { kind: "stays" }
  | { kind: "failed"; failure: D1Failure; error: string };

/**
 * Moves a part of what a full database lacks to an open one. The full one is asked first which of these events it has,
 * because an insertion whose answer was lost may have succeeded. From then on it refuses everything that was sent to it
 * before, because another insertion may still be on its way. Rejects with what the object's own storage throws.
 */
export async function moveEvents(env: Env, log: EventLog, from: string): Promise<Moved> {
  const move = log.beginMove(from, Date.now());
  if (!move || !log.state) return { kind: "stays" };
  const asked = await askWhatItHas(env, log.state, move);
  const events = log.endMove(move, asked.ok ? asked.kept : null);
  if (!asked.ok) return { kind: "failed", failure: asked.failure, error: asked.error };
  return events > 0 ? { kind: "moved", events, to: move.to } : { kind: "stays" };
}

async function askWhatItHas(
  env: Env,
  { userId, generation }: { userId: string; generation: number },
  { from, leaving, moves, isAll }: Move,
) {
  const bucket = archiveBucket(env);
  // Rows that were written after this time cannot be in the archive yet. MIN_HOT_DAYS is halved
  // because clocks may differ.
  const hotSince = bucket ? Date.now() - (MIN_HOT_DAYS * DAY_MS) / 2 : 0;
  const keys = leaving.map(({ row }) => [row.timestamp, row.seq, row.revision] as [number, number, number]);
  const released = await callWriter(env, from, userId, (writer) =>
    writer.release({ version: EVENT_ROW_VERSION, userId, generation, moves, keys, writtenAfter: hotSince, isAll }),
  );
  if (!released.ok) return released;
  const kept = new Map(released.kept);
  const old = leaving.filter(({ row }) => !kept.has(row.seq) && row.received_at < hotSince);
  if (!bucket || old.length === 0) return { ok: true as const, kept };
  try {
    const days = new Set(old.map(({ row }) => dayOf(row.timestamp)));
    const archived = await orTimeout(
      archivedRevisions(new Bucket(bucket), from, { userId, generation }, days),
      WRITER_CALL_TIMEOUT_MS,
      () => new Error("The archive did not answer"),
    );
    for (const { row } of old) if (archived.has(row.seq)) kept.set(row.seq, archived.get(row.seq)!);
    return { ok: true as const, kept };
  } catch (error) {
    return { ok: false as const, failure: "away" as const, error: String(error) };
  }
}
