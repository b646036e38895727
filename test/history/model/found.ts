import type { CopiedEvent, StoredEvent } from "./entry.ts";

/** Everything that was stored at the end of a run. */
export interface Found {
  /** By user. Empty if nothing is stored. */
  timelines: Map<string, StoredEvent[]>;
  suppressed: Map<string, boolean>;
  summaries: Map<string, FoundSummary | null>;
  receipts: Map<string, FoundReceipt[]>;
  /** What all databases have. */
  d1: KeptEvent[];
  archive: ArchivedEvent[];
  /** The archive's files that the manifest lists, and all files that exist. */
  listed: string[];
  objects: string[];
  counters: FoundCounters;
  /** What /health says. */
  health: string;
}

/** A row of D1. `database` is its file. */
export type KeptEvent = CopiedEvent & { database: string };

export type ArchivedEvent = CopiedEvent & { object: string };

export interface FoundSummary {
  events: number;
  properties: Record<string, string>;
}

export interface FoundReceipt {
  events: number;
  databases: { database: string; stage: string }[];
  erased_at: string;
  done_at: string | null;
}

/** What /stats says by hour and event, once the roll-up has run. */
export interface FoundCounters {
  rows: { hour: string; event: string | null; events: number }[];
  isComplete: boolean;
  /** Hours before this time (epoch milliseconds) are sealed in some database: some of their events have left D1. */
  sealedBefore: number;
  /** How many events were answered with each verdict, approximately. */
  verdicts: Record<string, number>;
}
