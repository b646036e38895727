import { EARLY_ARCHIVE_SHARE, MAX_DATABASE_BYTES } from "../limits.ts";
import type { RowKey } from "./event-row.ts";

/** How far the rebuilding of a database is. The writer of the first lane stores it, so that it can be continued. */
export interface Rebuild {
  /** Epoch milliseconds. */
  startedAt: number;
  /** The incarnation that the database got at the beginning. If it has another one now, the rebuilding starts again. */
  incarnation: string;
  /** The next step. "done" is the end. */
  stage: "erasures" | "sweep" | "users" | "archive" | "done";
  /** The lane whose directory is read now. */
  lane: number;
  /** The erasure of this lane that was sent last. */
  afterErasure: [userId: string, generation: number];
  /** The last row that was checked for a tombstone. */
  afterRow: RowKey | null;
  /** The last user of this lane whose log was sent. */
  afterUser: string;
  /** The last file of the archive whose rows were removed from D1; null before the first one. */
  afterFile: string | null;
  /** If the database is larger than this, archived rows are removed before more rows are sent, in bytes. */
  clearAtBytes: number;
  erasures: number;
  users: number;
  events: number;
}

/** @param startedAt epoch milliseconds */
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
