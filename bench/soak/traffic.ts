import { setTimeout as sleep } from "node:timers/promises";
import { label, Ledger, type SentEvent } from "../../test/faults/ledger.ts";
import { People } from "./people.ts";
import { Unread } from "./unread.ts";

/** How many of a hundred requests are of each kind. Each of the others is one event of a session. */
const MIX = { newcomer: 6, batch: 3, retry: 10, update: 6, timeline: 6, summary: 3, overview: 1.7, erasure: 0.3 };

const BATCH_EVENTS = 20;
/** How many of the latest answered requests can be sent again or updated. */
const REMEMBERED_REQUESTS = 2_000;
/** With more requests under way the server does not keep up, and the run would only measure the queue in front of it. */
const MAX_UNDER_WAY = 2_000;
const MAX_ANSWER_MS = 30_000;
const RETRY_DELAY_MS = 200;
const MAX_ATTEMPTS = 20;

interface Answer {
  status: string;
  seq: number;
  revision: number;
}

/**
 * The requests of many clients, as an open loop: a request begins when it is due, even if the server has not answered the
 * ones before. A client sends the same request again until it is answered.
 */
export class Traffic {
  readonly ledger = new Ledger();
  readonly unread = new Unread();
  /** From the time when a request was due until its answer, in milliseconds. The reader empties the list. */
  latencies: number[] = [];
  requests = 0;
  /** How often a request had to be sent again. */
  repeats = 0;
  readonly #url: URL;
  readonly #random: () => number;
  readonly #people: People;
  readonly #remembered: SentEvent[][] = [];
  /** The times of events that are under way. If two versions were sent at once, their outcome would not be known. */
  readonly #busy = new Set<string>();
  readonly #underWay = new Set<Promise<unknown>>();
  #clock = 0;
  #failure: unknown;

  constructor(url: URL, random: () => number) {
    this.#url = url;
    this.#random = random;
    this.#people = new People(random);
  }

  /** Sends the first events of users who return later. */
  async begin(users: number): Promise<void> {
    for (let user = 0; user < users; user++) await this.#send([this.#newEvent(this.#people.newcomer())], false);
    this.latencies = [];
    this.requests = 0;
  }

  /** Throws if a request fails at every attempt, or if the server does not keep up. */
  async run(requestsPerSecond: number, seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000;
    // The times form a Poisson process, because the requests are independent of each other.
    for (let due = performance.now(); due < end; due -= (Math.log(1 - this.#random()) / requestsPerSecond) * 1000) {
      const wait = due - performance.now();
      if (wait > 1) await sleep(wait);
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#underWay.size > MAX_UNDER_WAY)
        throw new Error(`The server does not keep up: ${this.#underWay.size} requests are under way`);
      this.#start(due);
    }
    await Promise.all(this.#underWay);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #start(due: number): void {
    const request = this.#measured(due)
      .catch((error: unknown) => (this.#failure ??= error))
      .finally(() => this.#underWay.delete(request));
    this.#underWay.add(request);
  }

  async #measured(due: number): Promise<void> {
    await this.#request();
    this.requests++;
    this.latencies.push(performance.now() - due);
  }

  #request(): Promise<void> {
    switch (this.#draw()) {
      case "newcomer":
        return this.#send([this.#newEvent(this.#people.newcomer())], false);
      case "batch": {
        const one = this.#random() < 0.5 ? this.#people.visitor() : undefined;
        return this.#send(
          Array.from({ length: BATCH_EVENTS }, () => this.#newEvent(one ?? this.#people.visitor())),
          false,
        );
      }
      case "retry": {
        const events = this.#rememberedRequest();
        return events ? this.#send(events, true) : this.#visit();
      }
      case "update": {
        const [event] = this.#rememberedRequest() ?? [];
        // The value is new at each update. Otherwise the event would be a duplicate.
        return event ? this.#send([{ ...event, properties: { step: this.#clock } }], false) : this.#visit();
      }
      case "timeline":
        return this.#read(`/users/${this.#people.anybody()}/events?order=desc&limit=20`);
      case "summary":
        return this.#read(`/users/${this.#people.anybody()}`);
      case "overview":
        return this.#read(this.#random() < 0.5 ? "/stats" : "/health");
      case "erasure":
        return this.#erase();
      case "visit":
        return this.#visit();
    }
  }

  #draw(): keyof typeof MIX | "visit" {
    let dice = this.#random() * 100;
    for (const name of Object.keys(MIX) as (keyof typeof MIX)[]) {
      dice -= MIX[name];
      if (dice < 0) return name;
    }
    return "visit";
  }

  #visit(): Promise<void> {
    return this.#send([this.#newEvent(this.#people.visitor())], false);
  }

  #newEvent(user: string): SentEvent {
    this.#clock = Math.max(this.#clock + 1, Date.now());
    const properties = { path: "/pricing", plan: "team", email: `${user}@example.com`, amount: this.#clock % 10_000 };
    return { event: "page_viewed", user_id: user, timestamp: new Date(this.#clock).toISOString(), properties };
  }

  /** A request that may be sent again: none of its events is under way, and none of its users was erased. */
  #rememberedRequest(): SentEvent[] | undefined {
    const events = this.#remembered[Math.floor(this.#random() * this.#remembered.length)];
    const isFree = events?.every(
      ({ user_id, timestamp }) => !this.#busy.has(timestamp) && !this.ledger.erased.has(user_id),
    );
    return isFree ? events : undefined;
  }

  async #send(events: SentEvent[], isRepeated: boolean): Promise<void> {
    const users = new Set(events.map(({ user_id }) => user_id));
    this.#people.begin(users);
    for (const { timestamp } of events) this.#busy.add(timestamp);
    const body = JSON.stringify(events);
    const { answer, attempts } = await this.#ask("POST", "/track", body);
    const { results } = (await answer.json()) as { results: Answer[] };
    events.forEach((event, index) => {
      if (isRepeated) this.#checkDuplicate(event, results[index]!);
      else this.ledger.note(event, results[index]!, attempts > 1);
      this.unread.answered(event.timestamp);
      this.#busy.delete(event.timestamp);
    });
    this.#people.end(users);
    if (isRepeated) return;
    this.#remembered.push(events);
    if (this.#remembered.length > REMEMBERED_REQUESTS) this.#remembered.shift();
  }

  /** A repeated event may be an older version. It must change nothing, so the ledger does not change either. */
  #checkDuplicate(event: SentEvent, { status, seq }: Answer): void {
    const known = this.ledger.users.get(event.user_id)?.get(event.timestamp);
    if (status !== "duplicate" || seq !== known?.seq)
      this.ledger.violations.push(`${label(event)} was sent again, and the answer was ${status}, seq ${seq}`);
  }

  async #read(path: string): Promise<void> {
    // An erased user is answered 404.
    const { answer } = await this.#ask("GET", path, null, 404);
    await answer.arrayBuffer();
  }

  async #erase(): Promise<void> {
    const user = this.#people.leaver();
    if (user === undefined) return this.#visit();
    // From now on no event of this user is sent again.
    this.ledger.erased.add(user);
    await (await this.#ask("DELETE", `/users/${user}`, null)).answer.arrayBuffer();
    for (const time of this.ledger.users.get(user)?.keys() ?? []) this.unread.erased(time);
    this.ledger.users.delete(user);
  }

  async #ask(
    method: string,
    path: string,
    body: string | null,
    accepted?: number,
  ): Promise<{ answer: Response; attempts: number }> {
    for (let attempts = 1; ; attempts++) {
      const signal = AbortSignal.timeout(MAX_ANSWER_MS);
      const answer = await fetch(new URL(path, this.#url), { method, body, signal }).catch((error: unknown) => error);
      if (answer instanceof Response && (answer.ok || answer.status === accepted)) return { answer, attempts };
      const said = answer instanceof Response ? `${answer.status} ${await answer.text()}` : String(answer);
      if (attempts === MAX_ATTEMPTS) throw new Error(`${method} ${path} answered ${said}`);
      this.repeats++;
      await sleep(RETRY_DELAY_MS);
    }
  }
}
