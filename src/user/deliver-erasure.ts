import { archiverOf } from "../archive/archiver-of.ts";
import { archiveBucket } from "../archive/bucket.ts";
import type { D1Failure } from "../d1/d1-failure.ts";
import { EVENT_ROW_VERSION } from "../d1/event-row.ts";
import { WRITER_CALL_TIMEOUT_MS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";
import { callWriter } from "./call-writer.ts";
import type { Erasure, ValueStore } from "./stored-values.ts";

type Delivered = { kind: "done" } | { kind: "more" } | { kind: "failed"; failure: D1Failure; error: string };

/**
 * Tells D1 and then the archive to forget an erased log, and notes each step, so that a crash repeats one at most. Every
 * step can be repeated. Rejects with what the object's own storage throws.
 *
 * @param until begins nothing new after this, in epoch milliseconds
 */
export async function deliverErasure(
  env: Env,
  values: ValueStore,
  generation: number,
  erasure: Erasure,
  until: number,
): Promise<Delivered> {
  const { userId, database } = erasure;
  const hasArchive = archiveBucket(env) !== undefined;
  let current = erasure;
  const save = (changes: Partial<Erasure>) => {
    current = { ...current, ...changes };
    values.put(`erasure:${generation}`, current);
  };
  // The writer's directory lets a user go with the last call, when nothing else is left.
  const erase = (keys: [timestamp: number, seq: number][], isLast: boolean) =>
    callWriter(env, database, userId, (writer) =>
      writer.erase({ version: EVENT_ROW_VERSION, userId, generation, keys, isLast }),
    );

  while (current.stage === "d1") {
    if (Date.now() >= until) return { kind: "more" };
    const { first, next } = current;
    const isLastPack = first + 1 >= next;
    const outcome = await erase(values.get(`erased:${generation}:${first}`) ?? [], isLastPack && !hasArchive);
    if (!outcome.ok) return { kind: "failed", failure: outcome.failure, error: outcome.error };
    values.delete(`erased:${generation}:${first}`);
    if (!isLastPack) save({ first: first + 1 });
    else if (hasArchive) save({ first: first + 1, stage: "archive" });
    else save({ first: first + 1, stage: "done", days: [], doneAt: Date.now() });
  }
  while (current.stage === "archive") {
    if (Date.now() >= until) return { kind: "more" };
    const archived = await eraseArchived(env, current, generation);
    if (!archived.ok) return { kind: "failed", failure: "away", error: archived.error };
    save({ files: current.files + archived.files, days: archived.left });
    if (archived.left.length > 0) continue;
    const outcome = await erase([], true);
    if (!outcome.ok) return { kind: "failed", failure: outcome.failure, error: outcome.error };
    save({ stage: "done", doneAt: Date.now() });
  }
  return { kind: "done" };
}

async function eraseArchived(env: Env, { userId, database, days }: Erasure, generation: number) {
  try {
    const answer = archiverOf(env, database).erase(userId, generation, days);
    const { files, left } = await orTimeout(
      answer,
      WRITER_CALL_TIMEOUT_MS,
      () => new Error("The archiver did not answer"),
    );
    return { ok: true as const, files, left };
  } catch (error) {
    return { ok: false as const, error: String(error) };
  }
}
