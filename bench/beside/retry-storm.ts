import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { SAFEGUARD_DELAY_MS } from "../../src/limits.ts";
import { seededRandom } from "../seeded-random.ts";
import type { System } from "./systems.ts";

const KILLS = 5;
const LIFE_MS = 2_000;
const OUTAGE_MS = 1_000;
/** For each kind of client. Clients also send while the server is down, so all of their retries arrive when it starts. */
const EVENTS_PER_SECOND = 12;
const USERS = 40;
/** This many events are sent up to this long before a kill, so that it finds many requests at every stage. */
const BURST_EVENTS = 200;
const MAX_BURST_MS = 80;
const RETRY_DELAY_MS = 150;
const MAX_ANSWER_MS = 15_000;
const MAX_SECONDS_TO_ANSWER = 120;
/** A copy is complete if nothing has arrived for longer than Tracklog's alarm takes to repeat a delivery. */
const QUIET_MS = SAFEGUARD_DELAY_MS + 5_000;
const MAX_CATCH_UP_MS = 120_000;

interface Attempt {
  path: string;
  body: unknown;
}

/**
 * The ways in which clients send an event again, taken from SDKs. They differ in what stays the same at each attempt. Each
 * function makes the attempts of one event.
 */
const CLIENTS = {
  /** As our own client, and every client that keeps the body. */
  same: (user, n) => {
    const body = { event: "clicked", user_id: user, timestamp: timeOf(n), message_id: randomUUID(), properties: { n } };
    return () => ({ path: "/track", body });
  },
  /** The event has a time, but no id. */
  sameWithoutId: (user, n) => {
    const body = { event: "clicked", user_id: user, timestamp: timeOf(n), properties: { n } };
    return () => ({ path: "/track", body });
  },
  /** As Segment's and RudderStack's SDKs: the message stays the same, and `sentAt` is new. */
  segment: (user, n) => {
    const message = { type: "track", event: "clicked", userId: user, messageId: randomUUID(), properties: { n } };
    const timestamp = timeOf(n);
    return () => ({
      path: "/v1/batch",
      body: { batch: [{ ...message, timestamp }], sentAt: new Date().toISOString() },
    });
  },
  /** As a hand-written client of Segment's protocol: an id, but no time, because the protocol allows that. */
  withoutTime: (user, n) => {
    const message = { type: "track", event: "clicked", userId: user, messageId: randomUUID(), properties: { n } };
    return () => ({ path: "/v1/batch", body: { batch: [message] } });
  },
  /**
   * A new time at each attempt, and no id: no endpoint can tell such attempts from new events. Two events of a user in the
   * same millisecond would count as one event, which is not measured here, so each event has a user of its own.
   */
  newTime: (user, n) => () => ({
    path: "/track",
    body: { event: "clicked", user_id: `${user}-${n}`, timestamp: new Date().toISOString(), properties: { n } },
  }),
} satisfies Record<string, (user: string, n: number) => () => Attempt>;

export type ClientName = keyof typeof CLIENTS;

export const CLIENT_NAMES = Object.keys(CLIENTS) as ClientName[];

export interface StormOutcome {
  /** All of them were answered 2xx in the end. */
  events: number;
  /** How many of them had to be sent more than once. */
  repeated: number;
  lost: number;
  doubled: number;
}

/**
 * Kills a system again and again while clients send, and send again what was not answered. Then looks for every event in
 * the system's database.
 */
export async function measureRetryStorm(system: System): Promise<Record<ClientName, StormOutcome>> {
  const random = seededRandom(1);
  const events = new Map<number, { client: ClientName; attempts: number }>();
  const underWay: Promise<void>[] = [];
  const over = new AbortController();
  let sent = 0;
  const sendOne = () => {
    const own = ++sent;
    const client = CLIENT_NAMES[own % CLIENT_NAMES.length]!;
    const attemptOf = CLIENTS[client](`user-${client}-${Math.floor(random() * USERS)}`, own);
    underWay.push(
      sendUntilAnswered(system.url, attemptOf).then((attempts) => void events.set(own, { client, attempts })),
    );
  };
  const sendAll = async () => {
    while (!over.signal.aborted) {
      sendOne();
      await sleep(1_000 / (EVENTS_PER_SECOND * CLIENT_NAMES.length));
    }
  };
  const sending = sendAll();
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(LIFE_MS);
    for (let event = 0; event < BURST_EVENTS; event++) sendOne();
    await sleep(MAX_BURST_MS * random());
    await system.kill();
    await sleep(OUTAGE_MS);
    await system.start();
  }
  await sleep(LIFE_MS);
  over.abort();
  await sending;
  await Promise.all(underWay);
  const stored = await storedOf(system);
  return Object.fromEntries(
    CLIENT_NAMES.map((name): [ClientName, StormOutcome] => {
      const own = [...events].filter(([, { client }]) => client === name);
      return [
        name,
        {
          events: own.length,
          repeated: own.filter(([, { attempts }]) => attempts > 1).length,
          lost: own.filter(([n]) => !stored.has(n)).length,
          doubled: own.filter(([n]) => (stored.get(n) ?? 0) > 1).length,
        },
      ];
    }),
  ) as Record<ClientName, StormOutcome>;
}

/** Returns how many attempts it took. */
async function sendUntilAnswered(url: URL, attemptOf: () => Attempt): Promise<number> {
  const end = performance.now() + MAX_SECONDS_TO_ANSWER * 1_000;
  for (let attempts = 1; ; attempts++) {
    const { path, body } = attemptOf();
    const status = await statusOf(new URL(path, url), JSON.stringify(body));
    if (status >= 200 && status < 300) return attempts;
    if (status >= 400 && status < 500 && status !== 429) throw new Error(`${path} answered ${status}`);
    if (performance.now() > end) throw new Error(`${url.href} accepted no event for ${MAX_SECONDS_TO_ANSWER} s`);
    await sleep(RETRY_DELAY_MS);
  }
}

/** The status of the answer. 0 if there was no answer. */
async function statusOf(url: URL, body: string): Promise<number> {
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await fetch(url, { method: "POST", body, headers, signal: AbortSignal.timeout(MAX_ANSWER_MS) });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
}

/**
 * How often each event is stored, by its number. Waits until a copy is complete, because the second row of a doubled
 * event may arrive late.
 */
async function storedOf(system: System): Promise<Map<number, number>> {
  let numbers = await system.numbers();
  const end = performance.now() + (system.isLate ? MAX_CATCH_UP_MS : 0);
  let quietSince = performance.now();
  while (performance.now() < Math.min(end, quietSince + QUIET_MS)) {
    await sleep(500);
    const { length } = numbers;
    numbers = await system.numbers();
    if (numbers.length > length) quietSince = performance.now();
  }
  const stored = new Map<number, number>();
  for (const n of numbers) stored.set(n, (stored.get(n) ?? 0) + 1);
  return stored;
}

/** Gives each event its own millisecond in the past, so that the servers' clocks do not matter. */
function timeOf(n: number): string {
  return new Date(Date.UTC(2026, 0, 1) + n).toISOString();
}
