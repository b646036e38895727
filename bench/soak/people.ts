/** After this many events a user does not return, so that one page of the timeline has all of a user's events. */
const MAX_EVENTS = 200;
/** How many users are in a session at the same time, and how likely an event is the last of its session. */
const SESSIONS = 60;
const LAST_EVENT_SHARE = 1 / 15;

/** Keeps track of the users: who is in a session, who rests, and who waits for an answer. */
export class People {
  readonly #random: () => number;
  readonly #events = new Map<string, number>();
  readonly #underWay = new Map<string, number>();
  readonly #inSession: string[] = [];
  readonly #resting: string[] = [];
  #count = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** A new user, who is in a session from now on. */
  newcomer(): string {
    const user = `visitor-${this.#count++}`;
    this.#events.set(user, 0);
    this.#inSession.push(user);
    if (this.#inSession.length > SESSIONS) this.#resting.push(this.#takeFrom(this.#inSession)!);
    return user;
  }

  /** The user of the next event. It is a user in a session, and may be the last event of this session. */
  visitor(): string {
    if (this.#inSession.length === 0) return this.newcomer();
    const index = this.#indexIn(this.#inSession);
    const user = this.#inSession[index]!;
    const events = (this.#events.get(user) ?? 0) + 1;
    this.#events.set(user, events);
    if (events < MAX_EVENTS && this.#random() > LAST_EVENT_SHARE) return user;
    this.#inSession.splice(index, 1);
    const returning = this.#takeFrom(this.#resting);
    if (returning !== undefined) this.#inSession.push(returning);
    if (events < MAX_EVENTS) this.#resting.push(user);
    return user;
  }

  /** Any user who has sent an event. */
  anybody(): string {
    return `visitor-${Math.floor(this.#random() * this.#count)}`;
  }

  /** A user who rests and waits for no answer. This user never returns. */
  leaver(): string | undefined {
    const index = this.#indexIn(this.#resting);
    const user = this.#resting[index];
    if (user === undefined || this.#underWay.has(user)) return undefined;
    this.#resting.splice(index, 1);
    return user;
  }

  begin(users: ReadonlySet<string>): void {
    for (const user of users) this.#underWay.set(user, (this.#underWay.get(user) ?? 0) + 1);
  }

  end(users: ReadonlySet<string>): void {
    for (const user of users) {
      const left = this.#underWay.get(user)! - 1;
      if (left === 0) this.#underWay.delete(user);
      else this.#underWay.set(user, left);
    }
  }

  #takeFrom(users: string[]): string | undefined {
    return users.splice(this.#indexIn(users), 1)[0];
  }

  #indexIn(users: readonly string[]): number {
    return Math.floor(this.#random() * users.length);
  }
}
