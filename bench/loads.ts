import { CONNECTIONS } from "./send-load.ts";

/** The loads that each contender gets. */
export const LOAD_NAMES = ["single", "new_users", "batch_one_user", "batch_many_users", "duplicates"] as const;

export type LoadName = (typeof LOAD_NAMES)[number];

export const BATCH_EVENTS = 100;

/** The events of a user's session, and how many users have one at the same time, each on its own connection. */
export const SESSION_EVENTS = 20;
export const SESSIONS = CONNECTIONS;

const USERS = 400;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Advances by a millisecond with each event, so that every event of a run is a new one. */
let clock = Date.now() - 30 * DAY_MS;

/** The first event of each user. It is sent once before the rounds, and again and again in the load of duplicates. */
export const FIRST_EVENTS = Array.from({ length: USERS }, (_, user) => JSON.stringify(newEvent(visitor(user))));

/** Also sent before the rounds, because a user counts as new until the second event. */
export const SECOND_EVENTS = Array.from({ length: USERS }, (_, user) => JSON.stringify(newEvent(visitor(user))));

interface Load {
  eventsPerRequest: number;
  /** @param index counts the load's requests over the whole run */
  body: (index: number) => string;
}

export const LOADS: Record<LoadName, Load> = {
  single: { eventsPerRequest: 1, body: (index) => JSON.stringify(newEvent(visitor(index))) },
  /** The first and only event of each user. */
  new_users: { eventsPerRequest: 1, body: (index) => JSON.stringify(newEvent(`newcomer-${index}`)) },
  batch_one_user: {
    eventsPerRequest: BATCH_EVENTS,
    body: () => JSON.stringify(newEvents(() => "device")),
  },
  batch_many_users: { eventsPerRequest: BATCH_EVENTS, body: () => JSON.stringify(newEvents(visitor)) },
  duplicates: { eventsPerRequest: 1, body: (index) => FIRST_EVENTS[index % USERS]! },
};

/** @param time epoch milliseconds */
export function newEvent(userId: string, time = clock++, email = "ada@example.com"): unknown {
  return {
    event: "page_viewed",
    user_id: userId,
    timestamp: new Date(time).toISOString(),
    properties: { email, path: "/pricing", plan: "team", amount: time % 10_000 },
  };
}

/** The requests of all sessions in turn, with one event each. So `sendLoad` sends each user's events on one connection. */
export function sessionBodies(name: string): string[] {
  return Array.from({ length: SESSIONS * SESSION_EVENTS }, (_, index) =>
    JSON.stringify(newEvent(`${name}-${index % SESSIONS}`)),
  );
}

export function newEvents(userOf: (index: number) => string): unknown[] {
  return Array.from({ length: BATCH_EVENTS }, (_, index) => newEvent(userOf(index)));
}

function visitor(index: number): string {
  return `visitor-${index % USERS}`;
}

/** Makes new bodies at each call, with the users in turn. */
export function bodySource(): (load: LoadName, count: number) => string[] {
  const next = new Map<LoadName, number>();
  return (load, count) => {
    const first = next.get(load) ?? 0;
    next.set(load, first + count);
    return Array.from({ length: count }, (_, index) => LOADS[load].body(first + index));
  };
}
