/**
 * What happens at one step of the archiver, which is a call to R2 or D1:
 *
 * - "crash": the object ends, but what it has written to its own storage stays.
 * - "fail": the call rejects.
 * - "hang": the call is never answered.
 *
 * The fault comes "before" the call takes effect or "after" it. "late": the call takes effect after its timeout.
 */
export type FaultMode = "crash before" | "crash after" | "fail before" | "fail after" | "hang after" | "late";

/** `at`: the number of the step, counted from 1 after this was set; 0 for no fault. */
export interface Fault {
  at: number;
  mode: FaultMode;
  /** How many steps in a row have the fault. */
  times?: number;
  /** The archiver's RETENTION_DAYS from now on. */
  retentionDays?: string;
}
