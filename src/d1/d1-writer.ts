import { DurableObject } from "cloudflare:workers";
import { databaseNamed } from "./databases.ts";
import { eraseEvents } from "./erase-events.ts";
import { GroupCommit } from "./group-commit.ts";
import { insertEvents } from "./insert-events.ts";

export type WriteOutcome = { ok: true } | { ok: false; error: string };

/**
 * Writes to one D1 database for all users' objects, addressed by the database's binding. D1 runs one statement at a
 * time and charges no more for a large one, so many users' events share a statement.
 *
 * Keeps nothing: a user's object holds its events until it was told that D1 has them.
 */
export class D1Writer extends DurableObject<Env> {
  readonly #commits = new GroupCommit((rows) => insertEvents(this.#database, rows));

  /** Appends rows, encoded by `encodeEventRow`, at most a statement's worth. */
  insert(rows: string[]): Promise<WriteOutcome> {
    return outcomeOf(this.#commits.add(rows));
  }

  /** Erases a user's rows up to a generation: after every insert that came before, so that none outlasts it. */
  erase(userId: string, generation: number): Promise<WriteOutcome> {
    return outcomeOf(this.#commits.run(() => eraseEvents(this.#database, userId, generation)));
  }

  get #database(): D1Database {
    const { name } = this.ctx.id;
    if (name === undefined) throw new Error("D1Writer must be addressed by name: the name is the database's binding");
    return databaseNamed(this.env, name);
  }
}

/** As a value: an exception would leave the caller with a broken stub and lose what D1 said. */
async function outcomeOf(write: Promise<void>): Promise<WriteOutcome> {
  try {
    await write;
    return { ok: true };
  } catch (error) {
    return { ok: false, error: String(error) };
  }
}
