import type { D1Failure } from "../d1/d1-failure.ts";
import { EVENT_ROW_VERSION } from "../d1/event-row.ts";
import { noteFull } from "../d1/open-databases.ts";
import { callWriter } from "./call-writer.ts";
import { deliverErasure } from "./deliver-erasure.ts";
import { pendingErasures } from "./erasure.ts";
import type { EventLog } from "./event-log.ts";
import { moveEvents } from "./move-events.ts";
import type { ValueStore } from "./stored-values.ts";
import { sharedTimes } from "./stretches.ts";

/** The result of a run: "more" if its time was up before everything was delivered. */
type Progress = { kind: "done" } | { kind: "more" } | Failed;

interface Failed {
  kind: "failed";
  failure: D1Failure;
  error: string;
}

interface Delivered {
  progress: Progress;
  /** Whether the database has refused rows, which have to be tried again later. */
  hasRefused: boolean;
  /** The database that events were moved to because this one is full. */
  movedTo?: string;
}

interface Source {
  env: Env;
  log: EventLog;
  values: ValueStore;
}

/**
 * Delivers to one database the events of a log that it lacks, and the erasures. If it is full, the events that it lacks
 * move to an open one. Rejects with what the object's own storage throws.
 *
 * @param isCautious makes the shipments small; used after failures
 * @param until no call starts after this time, in epoch milliseconds
 */
export async function deliverTo(
  source: Source,
  database: string,
  isCautious: boolean,
  until: number,
): Promise<Delivered> {
  // Events are tried even if an erasure fails, so that an erased log does not keep the user's new one waiting.
  const erased = await deliverErasures(source, database, until);
  const sent = await deliverEvents(source, database, isCautious, until);
  if ([erased, sent.progress].some(isFull)) noteFull(database, Date.now());
  const relieved = isFull(sent.progress) ? await moveAll(source, database, sent, until) : sent;
  const parts = [erased, relieved.progress];
  const progress = parts.find(({ kind }) => kind === "failed") ?? parts.find(({ kind }) => kind === "more");
  return { ...relieved, progress: progress ?? { kind: "done" } };
}

function isFull(progress: Progress): boolean {
  return progress.kind === "failed" && progress.failure === "full";
}

async function deliverErasures({ env, values }: Source, database: string, until: number): Promise<Progress> {
  let unfinished: Progress = { kind: "done" };
  for (const [generation] of pendingErasures(values)) {
    const progress = await deliverErasure(env, values, generation, database, until);
    if (progress.kind === "more") return progress;
    if (progress.kind === "failed") unfinished = progress;
  }
  return unfinished;
}

async function deliverEvents(
  { env, log }: Source,
  database: string,
  isCautious: boolean,
  until: number,
): Promise<Delivered> {
  for (let hasRefused = false; ;) {
    const { state } = log;
    const backlog = log.backlogs.get(database);
    const shipment = log.nextShipment(database, isCautious);
    if (!state || !backlog || !shipment) return { progress: { kind: "done" }, hasRefused };
    if (Date.now() >= until) return { progress: { kind: "more" }, hasRefused };
    const { userId, generation, moved } = state;
    const { rows, entries, since } = shipment;
    const shipped = {
      version: EVENT_ROW_VERSION,
      userId,
      generation,
      lacking: backlog.size,
      since,
      rows,
      ...(moved && {
        moves: moved.moves,
        shared: sharedTimes(
          state,
          entries.map(({ key: [timestamp] }) => timestamp),
        ),
      }),
    };
    const outcome =
      rows.length > 0
        ? await callWriter(env, database, userId, (to) => to.insert(shipped))
        : { ok: true as const, refused: [] };
    if (!outcome.ok) {
      const { failure, error } = outcome;
      return { progress: { kind: "failed", failure, error }, hasRefused };
    }
    log.settle(backlog, shipment, outcome.refused);
    if (outcome.refused.length > 0) hasRefused = true;
  }
}

/** Moves what a full database lacks, if it can move. The rest waits until the database has room. */
async function moveAll({ env, log }: Source, database: string, sent: Delivered, until: number): Promise<Delivered> {
  let delivered = sent;
  for (;;) {
    if (Date.now() >= until) return { ...delivered, progress: { kind: "more" } };
    const moved = await moveEvents(env, log, database);
    if (moved.kind === "failed") return { ...delivered, progress: moved };
    if (moved.kind === "stays") {
      const isEmpty = (log.backlogs.get(database)?.size ?? 0) === 0;
      return isEmpty ? { ...delivered, progress: { kind: "done" } } : delivered;
    }
    delivered = { ...delivered, movedTo: moved.to };
  }
}
