import { DurableObject } from "cloudflare:workers";
import { logFailure } from "../log-failure.ts";
import { type D1Failure, d1FailureOf } from "./d1-failure.ts";
import { databaseNamed } from "./databases.ts";
import { type ErasedKey, eraseEvents } from "./erase-events.ts";
import { EVENT_ROW_VERSION } from "./event-row.ts";
import { GroupCommit, LineFullError } from "./group-commit.ts";
import { insertEvents } from "./insert-events.ts";
import { retentionCutoff } from "./retention.ts";
import { databaseOfWriter } from "./writer-name.ts";

/** Rows of one user, encoded by `encodeEventRow`, at most a statement's worth. */
export interface Shipment {
  version: number;
  userId: string;
  rows: string[];
}

/** Some events of an erased log. */
interface Erasure {
  version: number;
  userId: string;
  generation: number;
  keys: ErasedKey[];
}

export type WriteOutcome =
  /** D1 has everything but the rows with these indexes, which it will never take. */
  { ok: true; refused: number[] } | { ok: false; failure: D1Failure; error: string };

/**
 * Writes to one D1 database for the users of one lane. D1 runs one statement at a time and charges no more for a large
 * one, so many users' events share a statement.
 *
 * Keeps no events: a user's object holds them until it was told that D1 has them.
 */
export class D1Writer extends DurableObject<Env> {
  readonly #line = new GroupCommit((rows) => {
    const now = Date.now();
    return insertEvents(this.#database, rows, retentionCutoff(this.env, now), now);
  });

  /** Appends rows. Never throws: an exception would leave the caller with a broken stub and lose what D1 said. */
  insert({ version, rows }: Shipment): Promise<WriteOutcome> {
    return this.#answer(version, async () => (await this.#line.add(rows)).refused);
  }

  /** Erases events, after every insertion that came before, so that none outlasts it. Never throws. */
  erase({ version, userId, generation, keys }: Erasure): Promise<WriteOutcome> {
    return this.#answer(version, async () => {
      await this.#line.run(() => eraseEvents(this.#database, userId, generation, keys, Date.now()));
      return [];
    });
  }

  async #answer(version: number, write: () => Promise<number[]>): Promise<WriteOutcome> {
    if (version !== EVENT_ROW_VERSION)
      return { ok: false, failure: "unknown_version", error: `The writer knows version ${EVENT_ROW_VERSION}` };
    try {
      const refused = await write();
      if (refused.length > 0) logFailure("d1_row_refused", "D1 refuses rows", { rows: refused.length });
      return { ok: true, refused };
    } catch (error) {
      const failure = error instanceof LineFullError ? "busy" : d1FailureOf(error);
      return { ok: false, failure, error: String(error) };
    }
  }

  get #database(): D1Database {
    const { name } = this.ctx.id;
    if (name === undefined)
      throw new Error("D1Writer must be addressed by name: the name holds the database's binding");
    return databaseNamed(this.env, databaseOfWriter(name));
  }
}
