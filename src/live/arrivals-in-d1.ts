import { databaseNamed, databaseNames } from "../d1/databases.ts";
import { LIVE_D1_PATIENCE_MS, LIVE_D1_POLL_MS, LIVE_D1_STATEMENTS, MAX_LIVE_AWAITED_ROWS } from "../limits.ts";
import { logFailure } from "../log-failure.ts";
import { rowKey } from "./live-verdict.ts";

interface Statement {
  position: number;
  written_at: number;
  keys: string;
}

interface Awaited {
  receivedAt: number;
  /** @param ms time from the event's receipt until D1 had it, by the writer's clock; null if unknown */
  tell: (ms: number | null) => void;
}

/**
 * Finds out when D1 has the events that viewers see. It reads the feed that D1 keeps anyway, so writers and users' logs
 * have no part in it. Asks D1 only while such an event is awaited.
 */
export class ArrivalsInD1 {
  readonly #env: Env;
  readonly #awaited = new Map<string, Awaited>();
  /** When rows were written that nobody awaited yet, since D1 may have a row before the live view hears of it. */
  readonly #seen = new Map<string, number>();
  /** The last position that was read from each database. */
  readonly #positions = new Map<string, number>();
  #isDue = false;

  constructor(env: Env) {
    this.#env = env;
  }

  /** @param row see {@link rowKey} */
  expect(row: string, awaited: Awaited): void {
    const writtenAt = this.#seen.get(row);
    if (writtenAt !== undefined) return tellLag(awaited, writtenAt);
    if (this.#awaited.size >= MAX_LIVE_AWAITED_ROWS) return;
    this.#awaited.set(row, awaited);
    this.#pollSoon();
  }

  #pollSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setTimeout(() => {
      this.#poll()
        .catch((error: unknown) => logFailure("live_feed_unreadable", error))
        .finally(() => {
          this.#isDue = false;
          this.#giveUp(Date.now());
          if (this.#awaited.size > 0) this.#pollSoon();
          // When awaiting starts again, only the newest statements matter.
          else {
            this.#positions.clear();
            this.#seen.clear();
          }
        });
    }, LIVE_D1_POLL_MS);
  }

  async #poll(): Promise<void> {
    for (const name of databaseNames(this.#env)) {
      const { results } = await databaseNamed(this.#env, name)
        .prepare(
          `SELECT position, written_at, keys FROM feed WHERE position > ?1 AND erased IS NULL
           ORDER BY position DESC LIMIT ${LIVE_D1_STATEMENTS}`,
        )
        .bind(this.#positions.get(name) ?? 0)
        .all<Statement>();
      const [newest] = results;
      if (newest) this.#positions.set(name, newest.position);
      for (const statement of results) this.#tellOf(statement);
    }
  }

  #tellOf({ written_at, keys }: Statement): void {
    for (const [, generation, seq, revision] of JSON.parse(keys) as [number, number, number, number][]) {
      const row = rowKey(generation, seq, revision);
      const awaited = this.#awaited.get(row);
      if (awaited) {
        this.#awaited.delete(row);
        tellLag(awaited, written_at);
      } else this.#remember(row, written_at);
    }
  }

  #remember(row: string, writtenAt: number): void {
    this.#seen.set(row, writtenAt);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MAX_LIVE_AWAITED_ROWS) this.#seen.delete(oldest!);
  }

  #giveUp(now: number): void {
    for (const [row, { receivedAt, tell }] of this.#awaited) {
      if (now - receivedAt < LIVE_D1_PATIENCE_MS) continue;
      this.#awaited.delete(row);
      tell(null);
    }
  }
}

/** The two times come from clocks of different machines, so their difference may be negative. */
function tellLag({ receivedAt, tell }: Awaited, writtenAt: number): void {
  tell(Math.max(0, writtenAt - receivedAt));
}
