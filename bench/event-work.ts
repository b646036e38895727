import { setTimeout as sleep } from "node:timers/promises";
import type { Counts } from "./counts.ts";
import { BATCH_EVENTS, newEvent, newEvents, SESSION_EVENTS, SESSIONS, sessionBodies } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { StoredEvents } from "./stored-events.ts";
import { METERED } from "./variants.ts";
import { startWorkerServer, type WorkerServer } from "./worker-server.ts";

/** The runtime's average work for one event. */
export type EventWork = Counts & { requests: number; alarms: number };

/** The senders' logs existed before and were asleep, except those of `newUser`. */
export interface EventWorks {
  /** Each user sends twenty events in a row, one per request, and many users do so at the same time. */
  session: EventWork;
  /** One event of one user at a time, so it shares no work with other events. */
  lone: EventWork;
  /** A user's first event. It is also sent alone. */
  newUser: EventWork;
  /** Each user sends one batch. */
  batched: EventWork;
  /** A batch holds one event of each of many users. */
  batchedOverUsers: EventWork;
}

export interface StorageUse {
  /** The object's storage after a user's first event. */
  newUserBytes: number;
  /** The storage that an event adds to its user's object, and to D1. */
  objectBytesPerEvent: number;
  d1BytesPerEvent: number;
}

const LONE_USERS = 12;
const STORAGE_REQUESTS = 50;

/** From the time when a statement is on disk until every object has its answer and has counted it. */
const SETTLE_MS = 300;

/** Counts in a run of its own, because counting takes time and would slow down other measurements. */
export async function measureEventWork(): Promise<{ work: EventWorks; storage: StorageUse }> {
  const server = await startWorkerServer(METERED);
  const meter = new Meter(server);
  try {
    await meter.counts();
    const lone = (name: string) => () => names(name, LONE_USERS).map((user) => [JSON.stringify(newEvent(user))]);
    // Another user comes first, so that the tables of D1's writer do not count as work for a new user.
    const newUser = await meter.measure({ users: ["earlier"], passes: lone("new"), eventsPerPass: 1 });
    const work: EventWorks = {
      session: await meter.measure({
        users: names("session", SESSIONS),
        passes: () => [sessionBodies("session")],
        eventsPerPass: SESSIONS * SESSION_EVENTS,
      }),
      lone: await meter.measure({ users: names("lone", LONE_USERS), passes: lone("lone"), eventsPerPass: 1 }),
      newUser,
      batched: await meter.measure({
        users: names("batched", 8),
        passes: () => [names("batched", 8).map((user) => JSON.stringify(newEvents(() => user)))],
        eventsPerPass: 8 * BATCH_EVENTS,
      }),
      batchedOverUsers: await meter.measure({
        users: names("mixed", BATCH_EVENTS),
        passes: () => [[JSON.stringify(newEvents((index) => `mixed-${index}`))]],
        eventsPerPass: BATCH_EVENTS,
      }),
    };
    return { work, storage: await meter.storage() };
  } finally {
    meter.close();
    await server.stop();
  }
}

interface Load {
  /** The users who send events before the load, and whose objects are asleep when it begins. */
  users: string[];
  /** The bodies of each pass are sent at once. After each pass, D1 must have its events before the next one begins. */
  passes: () => string[][];
  eventsPerPass: number;
}

class Meter {
  readonly #server: WorkerServer;
  readonly #stored: StoredEvents;

  constructor(server: WorkerServer) {
    this.#server = server;
    this.#stored = new StoredEvents(server.d1File);
  }

  close(): void {
    this.#stored.close();
  }

  async counts(): Promise<Counts> {
    return (await (await this.#get("/bench/counts")).json()) as Counts;
  }

  async measure({ users, passes, eventsPerPass }: Load): Promise<EventWork> {
    // A log gets its table with its second event.
    for (let event = 0; event < 2; event++)
      await this.#send(
        users.map((user) => JSON.stringify(newEvent(user))),
        users.length,
      );
    await sleep(SETTLE_MS);
    await this.counts();
    await Promise.all(users.map((user) => this.#get(`/bench/rest?user_id=${user}`)));

    const before = await this.counts();
    const bodies = passes();
    for (const pass of bodies) await this.#send(pass, eventsPerPass);
    await sleep(SETTLE_MS);
    return workPerEvent(before, await this.counts(), bodies.flat().length, bodies.length * eventsPerPass);
  }

  async storage(): Promise<StorageUse> {
    const newUserBytes = await this.#bytesOf("new-0");
    await this.#send([JSON.stringify(newEvents(() => "hoarder"))], BATCH_EVENTS);
    const before = { object: await this.#bytesOf("hoarder"), d1: this.#stored.bytes() };
    const events = STORAGE_REQUESTS * BATCH_EVENTS;
    const bodies = Array.from({ length: STORAGE_REQUESTS }, () => JSON.stringify(newEvents(() => "hoarder")));
    await this.#send(bodies, events);
    return {
      newUserBytes,
      objectBytesPerEvent: ((await this.#bytesOf("hoarder")) - before.object) / events,
      d1BytesPerEvent: (this.#stored.bytes() - before.d1) / events,
    };
  }

  async #send(bodies: readonly string[], events: number): Promise<void> {
    const before = this.#stored.position();
    await sendLoad(this.#server.url, bodies);
    await this.#stored.waitForMore(before, events);
  }

  async #bytesOf(user: string): Promise<number> {
    return (await (await this.#get(`/bench/bytes?user_id=${user}`)).json()) as number;
  }

  #get(path: string): Promise<Response> {
    return fetch(new URL(path, this.#server.url));
  }
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, user) => `${prefix}-${user}`);
}

/**
 * An alarm goes off long after its event, when everything is delivered, and finds nothing to do. The run does not wait for
 * alarms. It adds a call for each alarm that was set, because none of them had gone off yet.
 */
function workPerEvent(before: Counts, after: Counts, requests: number, events: number): EventWork {
  const counted = Object.keys(after) as (keyof Counts)[];
  const counts = Object.fromEntries(counted.map((name) => [name, (after[name] - before[name]) / events]));
  const { objectCalls, ...others } = counts as unknown as Counts;
  const alarms = others.setAlarms;
  return { requests: requests / events, alarms, objectCalls: objectCalls + alarms, ...others };
}
