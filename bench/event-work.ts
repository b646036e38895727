import { setTimeout as sleep } from "node:timers/promises";
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

const PASSES = 1;

/** Long enough for a user's object to note what D1 has got. */
const SETTLE_MS = 150;

/** Counts in a run of its own, since counting takes time. Users' first events are left out. */
export async function measureEventWork(): Promise<EventWorks> {
  const server = await startWorkerServer(METERED);
  const stored = new StoredEvents(server.d1File);
  const counts = async () => (await (await fetch(new URL("/bench/counts", server.url))).json()) as Counts;

  const pass = async (bodies: readonly string[], events: number) => {
    const before = stored.position();
    await sendLoad(server.url, bodies);
    await stored.waitForMore(before, events);
    await sleep(SETTLE_MS);
  };
  const measure = async (users: number, eventsPerRequest: number, body: (user: number) => string) => {
    const bodies = () => Array.from({ length: users }, (_, user) => body(user));
    const events = users * eventsPerRequest;
    await pass(bodies(), events);
    const before = await counts();
    for (let done = 0; done < PASSES; done++) await pass(bodies(), events);
    return workPerEvent(before, await counts(), users * PASSES, events * PASSES);
  };

  try {
    await counts();
    return {
      single: await measure(32, 1, (user) => JSON.stringify(newEvent(`sparse-${user}`))),
      batched: await measure(8, BATCH_EVENTS, (user) => JSON.stringify(newEvents(() => `sparse-${user}`))),
      batchedOverUsers: await measure(1, BATCH_EVENTS, (request) =>
        JSON.stringify(newEvents((user) => `sparse-${request}-${user}`)),
      ),
    };
  } finally {
    stored.close();
    await server.stop();
  }
}

function workPerEvent(before: Counts, after: Counts, requests: number, events: number): EventWork {
  const names = Object.keys(after) as (keyof Counts)[];
  const counts = Object.fromEntries(names.map((name) => [name, (after[name] - before[name]) / events]));
  return { ...(counts as unknown as Counts), requests: requests / events };
}
