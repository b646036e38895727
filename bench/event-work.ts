import { setTimeout as sleep } from "node:timers/promises";
import { SAFETY_ALARM_MS } from "../src/limits.ts";
import type { Counts } from "./counts.ts";
import { BATCH_EVENTS, newEvent, newEvents } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { StoredEvents } from "./stored-events.ts";
import { METERED } from "./variants.ts";
import { startWorkerServer } from "./worker-server.ts";

/** What one event makes the runtime do, on average. */
export type EventWork = Counts & { requests: number };

export interface EventWorks {
  /** A user sends an event now and then: each one is shipped by itself, nothing is shared. */
  single: EventWork;
  /** A user sends a batch now and then. */
  batched: EventWork;
  /** A batch holds one event of each of many users. */
  batchedOverUsers: EventWork;
}

/** Until the alarm has gone off that an event sets: it is a part of what an event now and then costs. */
const SETTLE_MS = SAFETY_ALARM_MS + 700;

/** Counts in a run of its own, since counting takes time. Users' first events are left out. */
export async function measureEventWork(): Promise<EventWorks> {
  const server = await startWorkerServer(METERED);
  const stored = new StoredEvents(server.d1File);
  const counts = async () => (await (await fetch(new URL("/bench/counts", server.url))).json()) as Counts;

  const pass = async ({ bodies, events }: Load) => {
    const before = stored.position();
    await sendLoad(server.url, bodies());
    await stored.waitForMore(before, events);
  };
  const measure = async (load: Load) => {
    const before = await counts();
    await pass(load);
    await sleep(SETTLE_MS);
    return workPerEvent(before, await counts(), load.bodies().length, load.events);
  };

  try {
    await counts();
    const single = loadOf(32, 1, (user) => JSON.stringify(newEvent(`sparse-${user}`)));
    const batched = loadOf(8, BATCH_EVENTS, (user) => JSON.stringify(newEvents(() => `sparse-${user}`)));
    const batchedOverUsers = loadOf(1, BATCH_EVENTS, (request) =>
      JSON.stringify(newEvents((user) => `sparse-${request}-${user}`)),
    );
    for (const load of [single, batched, batchedOverUsers]) await pass(load);
    await sleep(SETTLE_MS);
    return {
      single: await measure(single),
      batched: await measure(batched),
      batchedOverUsers: await measure(batchedOverUsers),
    };
  } finally {
    stored.close();
    await server.stop();
  }
}

interface Load {
  /** New ones at each call. */
  bodies: () => string[];
  events: number;
}

function loadOf(requests: number, eventsPerRequest: number, body: (request: number) => string): Load {
  const bodies = () => Array.from({ length: requests }, (_, request) => body(request));
  return { bodies, events: requests * eventsPerRequest };
}

function workPerEvent(before: Counts, after: Counts, requests: number, events: number): EventWork {
  const names = Object.keys(after) as (keyof Counts)[];
  const counts = Object.fromEntries(names.map((name) => [name, (after[name] - before[name]) / events]));
  return { ...(counts as unknown as Counts), requests: requests / events };
}
