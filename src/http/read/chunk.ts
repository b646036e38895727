import type { EventRow } from "../../d1/event-row.ts";

/** Some lines of a list, each with the cursor after it, and the cursor after them all. */
export interface Chunk {
  lines: { line: Line; cursor: unknown }[];
  cursor: unknown;
  /** Whether there is more to read. */
  more: boolean;
}

/** An event in its latest revision, or the erasure of a log. */
type Line = { kind: "event"; row: EventRow } | { kind: "erasure"; user_id: string; generation: number };
