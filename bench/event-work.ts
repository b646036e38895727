import { setTimeout as sleep } from "node:timers/promises";
import type { Counts } from "./counts.ts";
import { BATCH_EVENTS, newEvent, newEvents, SESSION_EVENTS, SESSIONS, sessionBodies } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { StoredEvents } from "./stored-events.ts";
import { METERED } from "./variants.ts";
import { startWorkerServer, type WorkerServer } from "./worker-server.ts";

/** What one event makes the runtime do, on average. */
export type EventWork = Counts & { requests: number; alarms: number };

/** The users who send were there before, and asleep, except those of `newUser`. */
export interface EventWorks {
  /** Twenty events of a user in a row, one request each, of many users side by side. */
  session: EventWork;
  /** One event of one user at a time: nothing is shared with anybody. */
  lone: EventWork;
  /** A user's first event, which is a lone one as well. */
  newUser: EventWork;
  /** A user sends a batch now and then. */
  batched: EventWork;
  /** A batch holds one event of each of many users. */
  batchedOverUsers: EventWork;
}

export interface StorageUse {
  /** The object's storage after a user's first event. */
  newUserBytes: number;
  /** What an event adds to its user's object, and to D1. */
  objectBytesPerEvent: number;
  d1BytesPerEvent: number;
}

const LONE_USERS = 12;
const STORAGE_REQUESTS = 50;

/** From when a statement is on disk until all have heard of it and counted it. */
const SETTLE_MS = 300;

/** Counts in a run of its own, since counting takes time. */
export async function measureEventWork(): Promise<{ work: EventWorks; storage: StorageUse }> {
  const server = await startWorkerServer(METERED);
  const meter = new Meter(server);
  try {
    await meter.counts();
    const lone = (name: string) => () => names(name, LONE_USERS).map((user) => [JSON.stringify(newEvent(user))]);
    // Somebody else came before, so that no newcomer is charged with the tables of D1's writer.
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
  /** Who is brought into being before, and sleeps when the load begins. */
  users: string[];
  /** Bodies that are sent at once; after each pass D1 is waited for. */
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
    // With its second event a log has a table.
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
 * An alarm goes off long after its event, when all is delivered, and finds nothing to do. It is not waited for but
 * reckoned in: a call for each one that was set, none of which had gone off yet.
 */
function workPerEvent(before: Counts, after: Counts, requests: number, events: number): EventWork {
  const counted = Object.keys(after) as (keyof Counts)[];
  const counts = Object.fromEntries(counted.map((name) => [name, (after[name] - before[name]) / events]));
  const { objectCalls, ...others } = counts as unknown as Counts;
  const alarms = others.setAlarms;
  return { requests: requests / events, alarms, objectCalls: objectCalls + alarms, ...others };
}
