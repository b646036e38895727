import type { Dice } from "../fuzz-run/random.ts";
import { AUTO, contentOf, type SentEvent } from "./model/entry.ts";

const HOUR_MS = 3_600_000;
const SPAN_HOURS = 60;
const ACTIVE_USERS = 24;
const EVENTS_PER_USER = 150;
const NAMES = ["signed_up", "searched", "bought", "Page viewed"];
/** One of this many users is never erased. What sealed hours keep of erased users would hide an event that was not counted. */
const USERS_PER_KEPT = 4;
const KEPT = "kept ";
/** The name of the events of users who are never erased. No other event has it. */
const KEPT_EVENT = "kept";
/** How many users are suppressed from time to time. */
const SHY_USERS = 3;

/** A request that records events, and its events. Null stands for an invalid event. */
export interface Request {
  route: string;
  body: string;
  headers: Record<string, string>;
  events: (SentEvent | null)[];
}

/** Draws all events of a run at random: who the users are, what they have sent, and what they send next. */
export class Cast {
  readonly users: string[] = [];
  readonly #events = new Map<string, SentEvent[]>();
  readonly #versions = new Map<string, number>();
  readonly #taken = new Set<string>();
  readonly #past: Request[] = [];
  readonly #startedAt: number;
  #active: string[] = [];
  #labels = 0;

  /** @param startedAt epoch milliseconds; events happen in the days before it */
  constructor(startedAt: number) {
    this.#startedAt = startedAt;
    while (this.#active.length < ACTIVE_USERS) this.#active.push(this.#newUser());
  }

  get shyUsers(): string[] {
    return this.users.slice(0, SHY_USERS);
  }

  /** Usually a user who is active now, seldom one who has been inactive for long. */
  someUser(dice: Dice): string {
    return dice.one(dice.hits(0.93) ? this.#active : this.users);
  }

  /** A user who may be erased. */
  someErasable(dice: Dice): string {
    for (;;) {
      const user = this.someUser(dice);
      if (!isKept(user)) return user;
    }
  }

  /** The next request of a client. Sometimes it is one that was sent before, at any time in the run. */
  nextRequest(dice: Dice): Request {
    const old = this.#past.length > 0 && dice.hits(0.12) ? this.#somePast(dice) : undefined;
    if (old) return old;
    const request = this.#newRequest(dice);
    this.#past.push(request);
    return request;
  }

  #newRequest(dice: Dice): Request {
    const form = dice.below(100);
    if (form < 40) return single(dice.hits(0.35) ? this.#update(dice) : this.#event(dice, this.someUser(dice)));
    const size = 1 + dice.below(dice.hits(0.1) ? 60 : 8);
    const user = this.someUser(dice);
    const ofOne = dice.hits(0.4);
    const some = () => (ofOne ? user : this.someUser(dice));
    if (form >= 80) return segmentBatch(this.#messages(dice, size, some));
    const events = Array.from({ length: size }, () =>
      dice.hits(0.05) ? null : dice.hits(0.25) ? this.#update(dice) : this.#event(dice, some()),
    );
    return form < 65 ? array(events) : lines(events);
  }

  #somePast(dice: Dice): Request | undefined {
    const recent = this.#past.slice(-200);
    return dice.one(dice.hits(0.7) ? recent : this.#past);
  }

  /** A new event. Some happen in the same millisecond as another event of their user. */
  #event(dice: Dice, user: string): SentEvent {
    const known = this.#events.get(user) ?? [];
    const twin = known.length > 0 && dice.hits(0.2) ? dice.one(known) : undefined;
    const timestamp = twin?.timestamp ?? this.#time(dice);
    const event = isKept(user) ? KEPT_EVENT : dice.one(NAMES);
    const label = `e${++this.#labels}`;
    const isTaken = this.#taken.has(`${user} ${timestamp} ${event}`);
    const messageId = isTaken || dice.hits(0.5) ? label : null;
    if (messageId === null) this.#taken.add(`${user} ${timestamp} ${event}`);
    return this.#remember({ user, label, copy: 1, version: 1, event, timestamp, messageId });
  }

  /** Another version of an event that was sent before, or a new event if there is none. */
  #update(dice: Dice): SentEvent {
    const user = this.someUser(dice);
    const known = (this.#events.get(user) ?? []).filter(
      ({ messageId, timestamp }) => messageId !== AUTO && timestamp !== null,
    );
    if (known.length === 0) return this.#event(dice, user);
    const event = dice.one(dice.hits(0.6) ? known.slice(-10) : known);
    const version = this.#versions.get(event.label)! + 1;
    this.#versions.set(event.label, version);
    return { ...event, version };
  }

  /** Segment's messages: with an id and a time, with an id only, or with a time only. The last kind is sometimes sent twice. */
  #messages(dice: Dice, size: number, user: () => string): SentEvent[] {
    return Array.from({ length: size }, () => this.#event(dice, user())).flatMap((event) => {
      const form = dice.below(4);
      if (form === 0) return [Object.assign(event, { timestamp: null, messageId: event.label })];
      if (form > 1) return [Object.assign(event, { messageId: event.label })];
      Object.assign(event, { messageId: AUTO });
      return dice.hits(0.3) ? [event, { ...event, copy: 2 }] : [event];
    });
  }

  #remember(event: SentEvent): SentEvent {
    const known = this.#events.get(event.user) ?? [];
    this.#events.set(event.user, [...known, event]);
    this.#versions.set(event.label, 1);
    if (known.length + 1 === EVENTS_PER_USER)
      this.#active = this.#active.map((user) => (user === event.user ? this.#newUser() : user));
    return event;
  }

  #newUser(): string {
    const number = this.users.length + 1;
    // Some ids have characters that must be escaped in a path.
    const name = number % 7 === 0 ? `user ${number}/ü%` : `user-${number}`;
    const user = number % USERS_PER_KEPT === 0 ? `${KEPT}${name}` : name;
    this.users.push(user);
    return user;
  }

  #time(dice: Dice): number {
    return this.#startedAt - HOUR_MS - dice.below(SPAN_HOURS * HOUR_MS);
  }
}

function isKept(user: string): boolean {
  return user.startsWith(KEPT);
}

const JSON_TYPE = { "Content-Type": "application/json" };

function single(event: SentEvent): Request {
  return { route: "/track", headers: JSON_TYPE, body: JSON.stringify(trackOf(event)), events: [event] };
}

function array(events: (SentEvent | null)[]): Request {
  return { route: "/track", headers: JSON_TYPE, body: JSON.stringify(events.map(trackOf)), events };
}

function lines(events: (SentEvent | null)[]): Request {
  const body = events.map((event) => JSON.stringify(trackOf(event))).join("\n");
  return { route: "/track", headers: { "Content-Type": "application/x-ndjson" }, body, events };
}

function segmentBatch(events: SentEvent[]): Request {
  const batch = events.map((sent) => ({
    type: "track",
    userId: sent.user,
    event: sent.event,
    ...contentOf(sent),
    ...(sent.timestamp !== null && { timestamp: new Date(sent.timestamp).toISOString() }),
    ...(sent.messageId !== AUTO && { messageId: sent.messageId }),
  }));
  return { route: "/v1/batch", headers: JSON_TYPE, body: JSON.stringify({ batch }), events };
}

function trackOf(event: SentEvent | null): object {
  if (!event) return { event: "invalid", user_id: "user-1", timestamp: "2026-02-30", properties: { id: "invalid" } };
  return {
    event: event.event,
    user_id: event.user,
    timestamp: new Date(event.timestamp!).toISOString(),
    ...contentOf(event),
    ...(event.messageId !== null && { message_id: event.messageId }),
  };
}
