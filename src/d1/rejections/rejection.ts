import type { Fault } from "../../event/fault.ts";
import { MAX_REASON_CHARACTERS } from "../../limits.ts";

/** An event or a whole request that was rejected although it came with a valid write key. */
export interface Rejection {
  /** Epoch milliseconds. */
  receivedAt: number;
  reason: string;
  path: string;
  /** The name of the write key. */
  source: string | null;
  event: string | null;
  userId: string | null;
  faults: Fault[];
  /** JSON text that can be sent to the path again. Null if it is not kept. */
  body: string | null;
}

/**
 * The reason that groups similar rejections: the first fault, with N for each number.
 *
 * @param whole names what an empty pointer points to
 */
export function reasonOf([first]: readonly Fault[], whole: "The event" | "The body"): string {
  if (!first) return `${whole} is invalid`;
  const place = first.pointer === "" ? whole : first.pointer.replaceAll(/\/\d+(?=\/|$)/g, "/N");
  return `${place} ${first.detail.replaceAll(/\d+(\.\d+)?/g, "N")}`.slice(0, MAX_REASON_CHARACTERS).toWellFormed();
}
