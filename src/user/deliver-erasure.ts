import { archiverOf } from "../archive/archiver-of.ts";
import { archiveBucket } from "../archive/bucket.ts";
import type { D1Failure } from "../d1/d1-failure.ts";
import { EVENT_ROW_VERSION } from "../d1/event-row.ts";
import { WRITER_CALL_TIMEOUT_MS } from "../limits.ts";
import { orTimeout } from "../or-timeout.ts";
import { callWriter } from "./call-writer.ts";
import type { ErasedCopy, ValueStore } from "./stored-values.ts";

type Delivered = { kind: "done" } | { kind: "more" } | { kind: "failed"; failure: D1Failure; error: string };

/**
 * Erases a log from a database and then from its archive. Notes each step, so that a crash repeats at most one; every
 * step can be repeated. Rejects with what the object's own storage throws.
 *
 * @param until no step starts after this time, in epoch milliseconds
 */
export async function deliverErasure(
  env: Env,
  values: ValueStore,
  generation: number,
  database: string,
  until: number,
): Promise<Delivered> {
  const hasArchive = archiveBucket(env) !== undefined;
  for (;;) {
    // This is read again at each step, because the erasures from other databases write it at the same time.
    const erasure = values.get(`erasure:${generation}`);
    const copy = erasure?.copies.find((one) => one.database === database);
    if (!erasure || !copy || copy.stage === "done") return { kind: "done" };
    if (Date.now() >= until) return { kind: "more" };
    const { userId } = erasure;
    // The last call removes the user from the writer's directory, if no other log of the user is there.
    const erase = (keys: [timestamp: number, seq: number][], isLast: boolean) =>
      callWriter(env, database, userId, (writer) =>
        writer.erase({ version: EVENT_ROW_VERSION, userId, generation, keys, isLast }),
      );

    if (copy.stage === "d1") {
      const isLastPack = copy.pack + 1 >= erasure.packs;
      const outcome = await erase(values.get(`erased:${generation}:${copy.pack}`) ?? [], isLastPack && !hasArchive);
      if (!outcome.ok) return { kind: "failed", failure: outcome.failure, error: outcome.error };
      const next = isLastPack ? (hasArchive ? "archive" : "done") : "d1";
      save(values, generation, { ...copy, pack: copy.pack + 1, stage: next });
      continue;
    }
    const archived = await eraseArchived(env, userId, generation, copy);
    if (!archived.ok) return { kind: "failed", failure: "away", error: archived.error };
    const searched = { ...copy, files: copy.files + archived.files, days: archived.left };
    save(values, generation, searched);
    if (archived.left.length > 0) continue;
    const outcome = await erase([], true);
    if (!outcome.ok) return { kind: "failed", failure: outcome.failure, error: outcome.error };
    save(values, generation, { ...searched, stage: "done" });
  }
}

/** Notes how far one database is, and deletes the packs that no database needs any more. */
function save(values: ValueStore, generation: number, changed: ErasedCopy): void {
  const erasure = values.get(`erasure:${generation}`);
  if (!erasure) return;
  const copies = erasure.copies.map((copy) => (copy.database === changed.database ? changed : copy));
  const isDone = copies.every(({ stage }) => stage === "done");
  const [needed, neededBefore] = [packOf(copies), packOf(erasure.copies)];
  for (let pack = neededBefore; pack < needed; pack++) values.delete(`erased:${generation}:${pack}`);
  values.put(`erasure:${generation}`, { ...erasure, copies, ...(isDone && { doneAt: Date.now() }) });
}

/** The first pack that some database has not been told yet. */
function packOf(copies: readonly ErasedCopy[]): number {
  return Math.min(...copies.map(({ pack }) => pack));
}

async function eraseArchived(env: Env, userId: string, generation: number, { database, days }: ErasedCopy) {
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
