import { EARLY_ARCHIVE_SHARE, MAX_DATABASE_BYTES } from "../limits.ts";
import type { RowKey } from "./event-row.ts";

/** How far the rebuilding of a database has come. Kept by the writer of its first lane, so that it can be resumed. */
export interface Rebuild {
  /** Epoch milliseconds. */
  startedAt: number;
  /** The incarnation that was given when it began: another one is another database, and all begins anew. */
  incarnation: string;
  /** What is done next; "done" is the end. */
  stage: "erasures" | "sweep" | "users" | "archive" | "done";
  /** The lane whose directory is read. */
  lane: number;
  /** The erasure of this lane that was told last. */
  afterErasure: [userId: string, generation: number];
  /** The row that was looked at last. */
  afterRow: RowKey | null;
  /** The user of this lane whose log was delivered last. */
  afterUser: string;
  /** The file of the archive whose rows were taken out of D1 last; null before the first one. */
  afterFile: string | null;
  /** At this size the database has to let go of archived rows before it is sent more, in bytes. */
  clearAtBytes: number;
  erasures: number;
  users: number;
  events: number;
}

/** A rebuilding that begins now, in epoch milliseconds. */
export function newRebuild(startedAt: number, incarnation: string): Rebuild {
  return {
    startedAt,
    incarnation,
    stage: "erasures",
    lane: 0,
    afterErasure: ["", 0],
    afterRow: null,
    afterUser: "",
    afterFile: null,
    clearAtBytes: EARLY_ARCHIVE_SHARE * MAX_DATABASE_BYTES,
    erasures: 0,
    users: 0,
    events: 0,
  };
}
