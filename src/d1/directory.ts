/** The log of one user whose rows go to a database. */
export interface LogOwner {
  userId: string;
  generation: number;
  /** How often the log has moved events that a full database lacked; absent for most logs. */
  moves?: number;
  /** Times of rows on whose days another database may have events of the user; see `insertEvents`. */
  shared?: number[];
  /** How many events of the log the database lacks, those on their way included. */
  lacking: number;
  /** Since when the oldest of these rows waits, in epoch milliseconds; null where they only repeat what D1 may have. */
  since: number | null;
}

/** A user, and which of the user's logs was delivered last. */
export interface ListedUser {
  user_id: string;
  generation: number;
}

type LogOnTheMove = Pick<LogOwner, "userId" | "generation" | "moves">;

/** What a database's users wait for. `oldest` is since when, in epoch milliseconds; null where nobody waits. */
export interface Waiting {
  users: number;
  events: number;
  oldest: number | null;
}

/** How many users memory knows to be in the directory. Others are looked up, which costs a read and no write. */
const MAX_KNOWN_USERS = 20_000;

/**
 * Who the users of a writer's database are: one row a user for life, on disk before D1 gets the user's first event. D1
 * can be rebuilt from it, since a user's log is found by the user's id alone. Besides, who waits for D1 since when.
 */
export class Directory {
  readonly #storage: DurableObjectStorage;
  /** The generation of each user that is known to be on disk. */
  readonly #known = new Map<string, number>();
  /** Who waits, since when, and for how many events, as on disk; longest first. Few, unless D1 is away. */
  readonly #waiting: Map<string, { since: number; events: number }>;
  #waitingEvents = 0;
  /** Whether any log has moved: few have, and nobody else is to be looked up. */
  #hasMoves: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS users (
      user_id    TEXT PRIMARY KEY,
      generation INTEGER NOT NULL
    ) WITHOUT ROWID`);
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS waiting (
      user_id TEXT PRIMARY KEY,
      since   INTEGER NOT NULL,
      events  INTEGER NOT NULL
    ) WITHOUT ROWID`);
    // Erasures outlast their users here: a database that is restored to an earlier point has to be told again.
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS erased (
      user_id    TEXT    NOT NULL,
      generation INTEGER NOT NULL,
      erased_at  INTEGER NOT NULL,
      PRIMARY KEY (user_id, generation)
    ) WITHOUT ROWID`);
    storage.sql.exec("CREATE INDEX IF NOT EXISTS erased_by_time ON erased (erased_at)");
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS moves (
      user_id    TEXT PRIMARY KEY,
      generation INTEGER NOT NULL,
      moves      INTEGER NOT NULL
    ) WITHOUT ROWID`);
    this.#hasMoves = storage.sql.exec("SELECT 1 FROM moves LIMIT 1").toArray().length > 0;
    const waiting = storage.sql.exec<{ user_id: string; since: number; events: number }>(
      "SELECT user_id, since, events FROM waiting ORDER BY since",
    );
    this.#waiting = new Map([...waiting].map(({ user_id, since, events }) => [user_id, { since, events }]));
    for (const { events } of this.#waiting.values()) this.#waitingEvents += events;
  }

  /** Notes the users of a statement, before it is sent. A row for each user that is new. */
  enter(owners: readonly LogOwner[]): void {
    const strangers = owners.filter(({ userId, generation }) => this.#known.get(userId) !== generation);
    if (strangers.length === 0) return;
    this.#storage.sql.exec(
      `INSERT INTO users (user_id, generation) SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
       ON CONFLICT DO UPDATE SET generation = excluded.generation WHERE generation <> excluded.generation`,
      JSON.stringify(strangers.map(({ userId, generation }) => [userId, generation])),
    );
    if (this.#known.size + strangers.length > MAX_KNOWN_USERS) this.#known.clear();
    for (const { userId, generation } of strangers) this.#known.set(userId, generation);
  }

  /**
   * Throws where the call is of a time before the log moved events. It was overtaken on the way here, and what it wants
   * may be untrue by now. A row for each move.
   */
  follow(log: LogOnTheMove): void {
    const { userId, generation, moves = 0 } = log;
    const known = this.#movesOf(log);
    if (moves < known) throw new Error("The log has moved events since this was sent");
    if (moves === known) return;
    this.#hasMoves = true;
    this.#storage.sql.exec(
      "INSERT OR REPLACE INTO moves (user_id, generation, moves) VALUES (?, ?, ?)",
      userId,
      generation,
      moves,
    );
  }

  #movesOf({ userId, generation }: LogOnTheMove): number {
    if (!this.#hasMoves) return 0;
    const found = this.#storage.sql.exec<{ moves: number }>(
      "SELECT moves FROM moves WHERE user_id = ? AND generation = ?",
      userId,
      generation,
    );
    return found.toArray()[0]?.moves ?? 0;
  }

  /** Notes that D1 did not take a user's rows. A row when the wait begins, and whenever the backlog has doubled. */
  waits(owner: LogOwner, now: number): void {
    // Its rows have gone elsewhere: nobody would say that it waits no longer.
    if ((owner.moves ?? 0) < this.#movesOf(owner)) return;
    this.enter([owner]);
    const { userId, lacking } = owner;
    const known = this.#waiting.get(userId);
    if (known !== undefined && lacking < 2 * known.events) return;
    this.#waiting.set(userId, { since: known?.since ?? now, events: lacking });
    this.#waitingEvents += lacking - (known?.events ?? 0);
    this.#storage.sql.exec(
      `INSERT INTO waiting (user_id, since, events) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET events = excluded.events`,
      userId,
      now,
      lacking,
    );
  }

  /** Notes that D1 has taken a user's rows. A row where the user has waited. */
  served(userId: string): void {
    const known = this.#waiting.get(userId);
    if (!known) return;
    this.#waiting.delete(userId);
    this.#waitingEvents -= known.events;
    this.#storage.sql.exec("DELETE FROM waiting WHERE user_id = ?", userId);
  }

  /** Takes a log out of which nothing is kept any more, unless the user has begun another one. */
  left(userId: string, generation: number): void {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => {
      sql.exec("DELETE FROM users WHERE user_id = ? AND generation = ?", userId, generation);
      if (this.#hasMoves) sql.exec("DELETE FROM moves WHERE user_id = ? AND generation = ?", userId, generation);
    });
    if (this.#known.get(userId) === generation) this.#known.delete(userId);
    this.served(userId);
  }

  /** Takes an erased log out, unless the user has begun another one, and remembers the erasure. */
  erased(userId: string, generation: number, now: number): void {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => {
      sql.exec("DELETE FROM users WHERE user_id = ? AND generation = ?", userId, generation);
      if (this.#hasMoves) sql.exec("DELETE FROM moves WHERE user_id = ? AND generation = ?", userId, generation);
      sql.exec(
        "INSERT OR IGNORE INTO erased (user_id, generation, erased_at) VALUES (?, ?, ?)",
        userId,
        generation,
        now,
      );
    });
    if (this.#known.get(userId) === generation) this.#known.delete(userId);
    this.served(userId);
  }

  /** Forgets erasures that are older than any copy a database can be restored to. */
  forgetErasures(before: number): void {
    this.#storage.sql.exec("DELETE FROM erased WHERE erased_at < ?", before);
  }

  /** The erasures that are remembered, some at a time, in the order of (userId, generation). */
  erasuresAfter([userId, generation]: [string, number], limit: number): { user_id: string; generation: number }[] {
    return this.#storage.sql
      .exec<{ user_id: string; generation: number }>(
        `SELECT user_id, generation FROM erased WHERE (user_id, generation) > (?, ?)
         ORDER BY user_id, generation LIMIT ?`,
        userId,
        generation,
        limit,
      )
      .toArray();
  }

  /** Users and their logs in the order of the users' ids, those past one, some at a time. */
  usersAfter(userId: string, limit: number): ListedUser[] {
    const found = this.#storage.sql.exec<ListedUser & Record<string, SqlStorageValue>>(
      "SELECT user_id, generation FROM users WHERE user_id > ? ORDER BY user_id LIMIT ?",
      userId,
      limit,
    );
    return [...found];
  }

  /** How many users there are. Reads a row for each. */
  count(): number {
    return this.#storage.sql.exec<{ users: number }>("SELECT count(*) AS users FROM users").one().users;
  }

  /** From memory, since monitors ask for it every few seconds, and most of all when everybody waits. */
  waiting(): Waiting {
    const [longest] = this.#waiting.values();
    return { users: this.#waiting.size, events: this.#waitingEvents, oldest: longest?.since ?? null };
  }

  /** Those who have waited longest, to be called upon should their alarms be lost. */
  longestWaiting(before: number, limit: number): string[] {
    const found = this.#storage.sql.exec<{ user_id: string }>(
      "SELECT user_id FROM waiting WHERE since < ? ORDER BY since LIMIT ?",
      before,
      limit,
    );
    return [...found].map(({ user_id }) => user_id);
  }
}
