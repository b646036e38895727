import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { beforeEach, describe, it, vi } from "vitest";
import { eraseEvents } from "../../../src/d1/erase-events.ts";
import { newIncarnation } from "../../../src/d1/incarnation.ts";
import { type FeedLine, type FeedQuery, QUERIES_PER_FEED_PAGE } from "../../../src/d1/read-feed.ts";
import { type FeedChunk, type FeedCursor, readChunks } from "../../../src/http/read/feed-chunks.ts";
import { MAX_STREAM_QUERIES } from "../../../src/limits.ts";
import { emptyD1, insertInto, lifeOf, seedD1 } from "../../d1/events-in-d1.ts";
import { newUser } from "../../tracklog.ts";

const BOTH = { ...env, DB_1: env.SECOND_DB } as Env;
const DATABASES = [env.DB, env.SECOND_DB] as const;

type Filter = Pick<FeedQuery, "event" | "user_id" | "order" | "limit">;

beforeEach(() => emptyD1(...DATABASES));

async function page(after: FeedCursor, changes: Partial<Filter> = {}, of: Env = BOTH): Promise<FeedChunk> {
  const chunks = readChunks(of, after, { order: "asc", limit: 100, ...changes }, false);
  return whole((await chunks.next()).value as FeedChunk | "gone");
}

function whole(chunk: FeedChunk | "gone"): FeedChunk {
  if (chunk === "gone") throw new Error("The cursor is gone");
  return chunk;
}

async function follow(after: FeedCursor, changes: Partial<Filter> = {}, of: Env = BOTH) {
  const pages = [await page(after, changes, of)];
  while (pages.at(-1)!.more) {
    if (pages.length > 1_000) throw new Error("The feed has no end");
    pages.push(await page(pages.at(-1)!.cursor, changes, of));
  }
  return { pages, lines: pages.flatMap(({ lines }) => lines.map(({ line }) => line)), cursor: pages.at(-1)!.cursor };
}

const seqsOf = (lines: FeedLine[]) => lines.map((line) => (line.kind === "event" ? line.row.seq : -line.generation));

const fail = () => Promise.reject(new Error("D1_ERROR: D1 is away"));

/** A database whose every statement fails. */
function away(): D1Database {
  return { prepare: () => ({ bind: () => ({}) }), batch: fail } as unknown as D1Database;
}

describe("the feed of several databases", () => {
  it("comes in the order of receipt, each database in its own", async ({ expect }) => {
    await insertInto(env.DB, ...[1, 4, 2].map((at) => ({ user_id: "a", seq: at, received_at: at })));
    await insertInto(env.SECOND_DB, ...[3, 5].map((at) => ({ user_id: "b", seq: at, received_at: at })));
    expect(seqsOf((await follow({}, { limit: 10 })).lines)).toEqual([1, 3, 4, 2, 5]);
    expect(seqsOf((await follow({}, { limit: 1 })).lines)).toEqual([1, 3, 4, 2, 5]);
    expect(seqsOf((await follow({}, { limit: 10, order: "desc" })).lines)).toEqual([5, 3, 2, 4, 1]);
    expect((await follow({}, { limit: 3 })).cursor).toEqual({
      DB: [await lifeOf(env.DB), 2, 0],
      DB_1: [await lifeOf(env.SECOND_DB), 2, 0],
    });
  });

  it("returns the newest of all databases first if that is asked for", async ({ expect }) => {
    for (let at = 1; at <= 40; at++) await insertInto(DATABASES[at % 2]!, { seq: at, received_at: at });
    const { lines, pages } = await follow({}, { limit: 6, order: "desc" });
    expect(seqsOf(lines)).toEqual(Array.from({ length: 40 }, (_, i) => 40 - i));
    expect(pages[0]!.lines).toHaveLength(6);
  });

  it("lets no database wait for another's backlog", async ({ expect }) => {
    await insertInto(env.DB, ...Array.from({ length: 900 }, (_, i) => ({ seq: i + 1, received_at: 1 })));
    await insertInto(env.SECOND_DB, { seq: 1_000, received_at: 9 });
    expect(seqsOf((await page({}, { limit: 10 })).lines.map(({ line }) => line))).toContain(1_000);
  });

  it("takes in a database that was bound since, from its beginning", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1 });
    const { cursor } = await follow({}, {}, env);
    await insertInto(env.SECOND_DB, { seq: 2 });
    expect(seqsOf((await follow(cursor)).lines)).toEqual([2]);
  });

  it("returns what it has while one is unavailable, and fails if it has nothing", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1 });
    await insertInto(env.SECOND_DB, { seq: 2 });
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const half = { ...BOTH, DB: away() };
    const { lines, more, cursor } = await page({}, {}, half);
    expect(seqsOf(lines.map(({ line }) => line))).toEqual([2]);
    expect(more).toBe(true);
    expect(log).toHaveBeenCalledWith(expect.stringContaining("feed_incomplete"));
    log.mockRestore();
    await expect(page(cursor, {}, half)).rejects.toThrow("D1 is away");
    expect(seqsOf((await follow(cursor)).lines)).toEqual([1]);
  });
});

describe("a cursor whose database began another life", () => {
  it("is gone, for any of the databases, and a new start returns a cursor of the new incarnation", async ({
    expect,
  }) => {
    await insertInto(env.DB, { seq: 1 });
    await insertInto(env.SECOND_DB, { seq: 2 });
    const { cursor } = await follow({});
    for (const [name, database] of [
      ["DB", env.DB],
      ["DB_1", env.SECOND_DB],
    ] as const) {
      const now = (await follow({})).cursor;
      await newIncarnation(database);
      await expect(page(now)).rejects.toThrow("The cursor is gone");
      expect((await follow({})).cursor[name]).toEqual([await lifeOf(database), ...cursor[name]!.slice(1)]);
    }
  });

  it("ends a stream if that happens on the way, after the events that were read", async ({ expect }) => {
    await seedD1(30, newUser(), 10);
    const told: unknown[] = [];
    for await (const chunk of readChunks(env, {}, { order: "asc", limit: 10 }, true)) {
      told.push(chunk === "gone" ? chunk : chunk.lines.length);
      if (told.length === 2) await newIncarnation(env.DB);
    }
    expect(told).toEqual([10, 10, "gone"]);
  });
});

describe("the rest of the feed as a stream", () => {
  it("keeps within the queries of an invocation, and continues from there", async ({ expect }) => {
    const count = 500;
    await seedD1(count, newUser(), 10);
    expect(MAX_STREAM_QUERIES).toBeLessThan(1_000); // an invocation may make a thousand
    const seqs: number[] = [];
    let [cursor, more, streams] = [{} as FeedCursor, true, 0];
    while (more) {
      const prepare = vi.spyOn(env.DB, "prepare");
      for await (const chunk of readChunks(env, cursor, { order: "asc", limit: 1 }, true)) {
        seqs.push(...seqsOf(whole(chunk).lines.map(({ line }) => line)));
        ({ cursor, more } = whole(chunk));
      }
      expect(prepare.mock.calls.length).toBeLessThanOrEqual(MAX_STREAM_QUERIES);
      prepare.mockRestore();
      streams++;
    }
    expect(streams).toBe(Math.ceil((QUERIES_PER_FEED_PAGE * count) / MAX_STREAM_QUERIES));
    expect(seqs).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  });
});

describe("G7: a reader of the feed", () => {
  const shard = fc.nat(1);
  const user = fc.nat(2);
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        shard,
        rows: fc.array(
          fc.record({ user, seq: fc.integer({ min: 1, max: 6 }), revision: fc.integer({ min: 1, max: 3 }) }),
          { minLength: 1, maxLength: 4 },
        ),
      }),
    },
    { weight: 1, arbitrary: fc.record({ shard, erase: user }) },
    {
      weight: 4,
      arbitrary: fc.record({
        read: fc.integer({ min: 1, max: 4 }),
        stopAt: fc.option(fc.nat(3), { nil: undefined }),
        // Happens while the page is being read, after the feed's statements and before their events.
        meanwhile: fc.option(fc.record({ shard, user, seq: fc.integer({ min: 1, max: 6 }) }), { nil: undefined }),
      }),
    },
  );

  it("misses and repeats nothing, with any pages and while rows come and go", async ({ expect }) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        await emptyD1(...DATABASES);
        const run = newUser();
        const idOf = (one: { shard: number; user: number }) => `${run}-${one.shard}-${one.user}`;
        const insert = async (at: number, rows: { user: number; seq: number; revision: number }[]) =>
          insertInto(
            DATABASES[at]!,
            ...rows.map(({ user: of, seq, revision }) => ({
              user_id: idOf({ shard: at, user: of }),
              generation: 10 + of,
              received_at: seq,
              seq,
              revision,
            })),
          );
        const read: FeedLine[] = [];
        let cursor: FeedCursor = {};
        for (const one of steps)
          if ("read" in one) {
            const { meanwhile } = one;
            const during = meanwhile && (() => insert(meanwhile.shard, [{ ...meanwhile, revision: 4 }]));
            const { lines, cursor: next } = await page(cursor, { limit: one.read }, interrupted(during));
            // A reader of lines may break off anywhere, and continues from the last line that it has.
            const isCut = one.stopAt !== undefined && one.stopAt < lines.length;
            const kept = isCut ? lines.slice(0, one.stopAt! + 1) : lines;
            read.push(...kept.map(({ line }) => line));
            cursor = isCut ? kept.at(-1)!.cursor : next;
          } else if ("erase" in one) {
            const keys = Array.from({ length: 6 }, (_, i): [number, number] => [1_700_000_000_000, i + 1]);
            const id = idOf({ shard: one.shard, user: one.erase });
            await eraseEvents(DATABASES[one.shard]!, id, 10 + one.erase, keys, 7);
          } else await insert(one.shard, one.rows);

        read.push(...(await follow(cursor, { limit: 3 })).lines);
        const told = read.map((line) =>
          line.kind === "event" ? `${line.row.user_id}.${line.row.seq}.${line.row.revision}` : `-${line.user_id}`,
        );
        expect(new Set(told).size).toBe(told.length);
        expect(replayed(read)).toEqual(await stored());
      }),
      { numRuns: 60, seed: 11 },
    );
  });
});

/** What a reader has who applies the lines one after another. */
function replayed(lines: FeedLine[]): Record<string, number> {
  const copy = new Map<string, number>();
  for (const line of lines)
    if (line.kind === "event") copy.set(`${line.row.user_id}.${line.row.seq}`, line.row.revision);
    else for (const key of copy.keys()) if (key.startsWith(`${line.user_id}.`)) copy.delete(key);
  return Object.fromEntries(copy);
}

async function stored(): Promise<Record<string, number>> {
  const rows = await Promise.all(
    DATABASES.map((database) =>
      database.prepare("SELECT user_id || '.' || seq AS key, revision FROM events").all<{
        key: string;
        revision: number;
      }>(),
    ),
  );
  return Object.fromEntries(rows.flatMap(({ results }) => results.map(({ key, revision }) => [key, revision])));
}

/** Both databases, with something that happens before the first one looks for events. */
function interrupted(during: (() => Promise<void>) | undefined): Env {
  let isDone = false;
  const prepare = (sql: string) => {
    const statement = env.DB.prepare(sql);
    if (!during || !sql.includes("FROM json_each") || isDone) return statement;
    isDone = true;
    const bind = statement.bind.bind(statement);
    return Object.assign(statement, {
      bind: (...values: unknown[]) => {
        const bound = bind(...values);
        const all = bound.all.bind(bound);
        return Object.assign(bound, { all: () => during().then(() => all()) });
      },
    });
  };
  return { ...BOTH, DB: Object.assign(Object.create(env.DB) as D1Database, { prepare }) };
}
