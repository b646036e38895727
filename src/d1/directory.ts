/** The log of one user whose rows go to a database. */
export interface LogOwner {
  userId: string;
  generation: number;
  /** How often the log has moved events out of a full database; absent for most logs. */
  moves?: number;
  /**
   * Times of rows on whose days another database may have events of the user, in epoch milliseconds; see
   * `insertEvents`.
   */
  shared?: number[];
  /** How many events of the log the database lacks, including these rows. */
  lacking: number;
  /** When the oldest of these rows was recorded, in epoch milliseconds; null if D1 may already have the rows. */
  since: number | null;
}

/** A user, and the log of the user that was delivered last. */
export interface ListedUser {
  user_id: string;
  generation: number;
}

type LogOnTheMove = Pick<LogOwner, "userId" | "generation" | "moves">;

/** How many users wait for D1 and with how many events. `oldest` is since when, in epoch milliseconds, or null. */
export interface Waiting {
  users: number;
  events: number;
  oldest: number | null;
}

/** How many users memory remembers to be in the directory. Looking up others costs a read but no write. */
const MAX_KNOWN_USERS = 20_000;

/**
 * The users of a writer's database, on disk. A user's row is written once, before D1 gets the user's first event. D1
 * can be rebuilt from these rows, because a user's id is enough to find the log. Also stores which users wait for D1.
 */
export class Directory {
  readonly #storage: DurableObjectStorage;
  /** The generation of each user that is known to be on disk. */
  readonly #known = new Map<string, number>();
  /**
   * A copy of what is on disk: the users that wait, since when, and with how many events; the longest wait comes first.
   * There are few, unless D1 is away.
   */
  readonly #waiting: Map<string, { since: number; events: number }>;
  #waitingEvents = 0;
  /** Whether any log has moved. Few have, and without any the table need not be read. */
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
    // Erasures stay here after the user is gone, because a database that is restored to an earlier point needs them
    // again.
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS erased (
      user_id    TEXT    NOT NULL,
      generation INTEGER NOT NULL,
      erased_at  INTEGER NOT NULL,
      PRIMARY KEY (user_id, generation)
    ) WITHOUT ROWID`);
    storage.sql.exec("CREATE INDEX IF NOT EXISTS erased_by_time ON erased (erased_at)");
    storage.sql.exec(`CREATE TABLE IF NOT EXISTS moves (
      user_id    TEXT    NOT NULL,
      generation INTEGER NOT NULL,
      moves      INTEGER NOT NULL,
      PRIMARY KEY (user_id, generation)
    ) WITHOUT ROWID`);
    this.#hasMoves = storage.sql.exec("SELECT 1 FROM moves LIMIT 1").toArray().length > 0;
    const waiting = storage.sql.exec<{ user_id: string; since: number; events: number }>(
      "SELECT user_id, since, events FROM waiting ORDER BY since",
    );
    this.#waiting = new Map([...waiting].map(({ user_id, since, events }) => [user_id, { since, events }]));
    for (const { events } of this.#waiting.values()) this.#waitingEvents += events;
  }

  /**
   * Notes the users of a statement before it is sent. Writes a row for each new user, but none for an erased log, whose
   * call was under way when it was erased.
   */
  enter(owners: readonly LogOwner[]): void {
    const strangers = owners.filter(({ userId, generation }) => this.#known.get(userId) !== generation);
    if (strangers.length === 0) return;
    this.#storage.sql.exec(
      `INSERT INTO users (user_id, generation) SELECT value ->> 0, value ->> 1 FROM json_each(?)
       WHERE NOT EXISTS (SELECT 1 FROM erased WHERE user_id = value ->> 0 AND generation = value ->> 1)
       ON CONFLICT DO UPDATE SET generation = excluded.generation WHERE generation <> excluded.generation`,
      JSON.stringify(strangers.map(({ userId, generation }) => [userId, generation])),
    );
    if (this.#known.size + strangers.length > MAX_KNOWN_USERS) this.#known.clear();
    for (const { userId, generation } of strangers) this.#known.set(userId, generation);
  }

  /**
   * Throws if a call was sent before the log last moved events, because it may be outdated. Writes a row for each move.
   */
  follow(log: LogOnTheMove): void {
    const { userId, generation, moves = 0 } = log;
    const known = this.#movesOf(log);
    if (moves < known) throw new Error("The log has moved events since this was sent");
    if (moves === known || this.#isErased(log)) return;
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

  /**
   * Notes that D1 did not accept a user's rows. Writes a row when the wait begins, and whenever the number of events
   * has doubled.
   */
  waits(owner: LogOwner, now: number): void {
    // The rows have moved to another database, or are erased, so nobody would ever end this wait.
    if ((owner.moves ?? 0) < this.#movesOf(owner) || this.#isErased(owner)) return;
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

  /** Notes that D1 has accepted a user's rows. Deletes a row if the user was waiting. */
  served(userId: string): void {
    const known = this.#waiting.get(userId);
    if (!known) return;
    this.#waiting.delete(userId);
    this.#waitingEvents -= known.events;
    this.#storage.sql.exec("DELETE FROM waiting WHERE user_id = ?", userId);
  }

  /** Removes a user whose log has expired as a whole, unless the user has begun another log. */
  left(userId: string, generation: number): void {
    this.#remove(userId, generation, () => {});
  }

  /** Removes a user whose log was erased, unless the user has begun another log, and stores the erasure. */
  erased(userId: string, generation: number, now: number): void {
    this.#remove(userId, generation, () => {
      this.#storage.sql.exec(
        "INSERT OR IGNORE INTO erased (user_id, generation, erased_at) VALUES (?, ?, ?)",
        userId,
        generation,
        now,
      );
    });
  }

  /** @param also is part of the same transaction */
  #remove(userId: string, generation: number, also: () => void): void {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => {
      sql.exec("DELETE FROM users WHERE user_id = ? AND generation = ?", userId, generation);
      if (this.#hasMoves) sql.exec("DELETE FROM moves WHERE user_id = ? AND generation = ?", userId, generation);
      also();
    });
    if (this.#known.get(userId) === generation) this.#known.delete(userId);
    this.served(userId);
  }

  #isErased({ userId, generation }: LogOnTheMove): boolean {
    const found = this.#storage.sql.exec(
      "SELECT 1 FROM erased WHERE user_id = ? AND generation = ?",
      userId,
      generation,
    );
    return found.toArray().length > 0;
  }

  /** Deletes erasures from before a time, which is earlier than any point that a database can be restored to. */
  forgetErasures(before: number): void {
    this.#storage.sql.exec("DELETE FROM erased WHERE erased_at < ?", before);
  }

  /** A page of the stored erasures after one of them, in the order of (userId, generation). */
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

  /** A page of the users after one of them, in the order of their ids. */
  usersAfter(userId: string, limit: number): ListedUser[] {
    const found = this.#storage.sql.exec<ListedUser & Record<string, SqlStorageValue>>(
      "SELECT user_id, generation FROM users WHERE user_id > ? ORDER BY user_id LIMIT ?",
      userId,
      limit,
    );
    return [...found];
  }

  /** How many users there are. Reads one row for each. */
  count(): number {
    return this.#storage.sql.exec<{ users: number }>("SELECT count(*) AS users FROM users").one().users;
  }

  /** Answers from memory, because monitors ask every few seconds, also when very many users wait. */
  waiting(): Waiting {
    const [longest] = this.#waiting.values();
    return { users: this.#waiting.size, events: this.#waitingEvents, oldest: longest?.since ?? null };
  }

  /** The users who have waited since before a time, longest first. Their logs' alarms may be lost. */
  longestWaiting(before: number, limit: number): string[] {
    const found = this.#storage.sql.exec<{ user_id: string }>(
      "SELECT user_id FROM waiting WHERE since < ? ORDER BY since LIMIT ?",
      before,
      limit,
    );
    return [...found].map(({ user_id }) => user_id);
  }
}
