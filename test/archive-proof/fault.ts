/**
 * What happens at one step of the archiver, which is a call of R2 or D1:
 *
 * - "crash": the object ends. What it has written to its own disk is there.
 * - "fail": the call rejects.
 * - "hang": the call is never answered.
 *
 * "before" the call takes effect or "after" it. "late": the call is not answered, and takes effect when nobody waits.
 */
export type FaultMode = "crash before" | "crash after" | "fail before" | "fail after" | "hang after" | "late";

/** `at`: the number of the step, counted from 1 since this was set; 0 for no fault. */
export interface Fault {
  at: number;
  mode: FaultMode;
  /** How many steps in a row it strikes. */
  times?: number;
  /** The archiver's RETENTION_DAYS from now on. */
  retentionDays?: string;
}
