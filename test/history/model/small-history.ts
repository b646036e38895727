import { contentOf, type CopiedEvent, type Entry, type SentEvent, type StoredEvent, type Verdict } from "./entry.ts";
import type { Found, KeptEvent } from "./found.ts";

// Short histories of one user, Ann, and what may be found after them.

const TIME = Date.parse("2026-01-02T03:04:05.000Z");

export function sent(label: string, version = 1, more: Partial<SentEvent> = {}): SentEvent {
  return { user: "ann", label, copy: 1, version, event: "tested", timestamp: TIME, messageId: label, ...more };
}

let lastId = 0;

export function record(at: [number, number], events: SentEvent[], answer: Verdict[] | null): Entry {
  return { kind: "record", id: ++lastId, client: "c", invoked: at[0], ended: at[1], route: "/track", events, answer };
}

export function erase(at: [number, number], erased: number | null): Entry {
  const answer = erased === null ? null : { erased };
  return { kind: "erase", id: ++lastId, client: "e", invoked: at[0], ended: at[1], user: "ann", answer };
}

export function suppress(at: [number, number], on: boolean): Entry {
  return { kind: "suppress", id: ++lastId, client: "s", invoked: at[0], ended: at[1], user: "ann", on, answer: true };
}

export function read(at: [number, number], answer: StoredEvent[]): Entry {
  return { kind: "read", id: ++lastId, client: "r", invoked: at[0], ended: at[1], user: "ann", answer };
}

export function feed(at: [number, number], rows: CopiedEvent[], epoch = 1): Entry {
  const answer = { lines: rows.map((row) => ({ kind: "event" as const, ...row })), isEnd: true };
  return {
    kind: "feed",
    id: ++lastId,
    client: "f",
    invoked: at[0],
    ended: at[1],
    reader: "f",
    epoch,
    isFirst: true,
    answer,
  };
}

/** A page of the feed that has the erasure of Ann's first log. */
export function erasedFeed(at: [number, number]): Entry {
  const page = feed(at, []);
  const answer = { lines: [{ kind: "erasure" as const, user: "ann", generation: 1 }], isEnd: true };
  return page.kind === "feed" ? { ...page, answer } : page;
}

export const created = (seq: number, late = false): Verdict => ({
  status: "created",
  seq,
  revision: 1,
  ...(late && { late }),
});
export const updated = (seq: number, revision: number): Verdict => ({ status: "updated", seq, revision });
export const duplicate = (seq: number, revision: number): Verdict => ({ status: "duplicate", seq, revision });

/** An event as it is stored after its versions arrived in this order. */
export function stored(seq: number, label: string, versions = [1], more: Partial<StoredEvent> = {}): StoredEvent {
  const contents = versions.map((version) => contentOf({ label, version }));
  return {
    event: "tested",
    timestamp: new Date(TIME).toISOString(),
    properties: Object.assign({}, ...contents.map(({ properties }) => properties)) as Record<string, unknown>,
    context: Object.assign({}, ...contents.map(({ context }) => context)) as Record<string, unknown>,
    message_id: label,
    seq,
    revision: versions.length,
    received_at: new Date(TIME).toISOString(),
    source: null,
    ...more,
  };
}

export function rowOf(event: StoredEvent, generation = 1, database = "DB"): KeptEvent {
  return { user: "ann", generation, stored: event, database };
}

/** What is found if all copies have this timeline. */
export function found(timeline: StoredEvent[], more: Partial<Found> = {}): Found {
  const emails = timeline.flatMap(({ properties }) => (properties["email"] as string | undefined) ?? []);
  const counted =
    timeline.length > 0 ? [{ hour: "2026-01-02T03:00:00.000Z", event: "tested", events: timeline.length }] : [];
  return {
    timelines: new Map([["ann", timeline]]),
    suppressed: new Map(),
    summaries: new Map([
      ["ann", { events: timeline.length, properties: emails.length > 0 ? { email: emails[0]! } : {} }],
    ]),
    receipts: new Map(),
    d1: timeline.map((event) => rowOf(event)),
    archive: [],
    listed: [],
    objects: [],
    counters: { rows: counted, isComplete: true, sealedBefore: 0, verdicts: {} },
    health: "ok",
    ...more,
  };
}

export const receipt = (events: number, stage = "done") => ({
  events,
  databases: [{ database: "DB", stage }],
  erased_at: new Date(TIME).toISOString(),
  done_at: stage === "done" ? new Date(TIME).toISOString() : null,
});
export const receipts = (...list: ReturnType<typeof receipt>[]) => new Map([["ann", list]]);

export const [A, B] = [sent("a"), sent("b")];
export const BOTH = [record([1, 2], [A], [created(1)]), record([3, 4], [B], [created(2)])];
