import { env } from "cloudflare:workers";
import { beforeEach, describe, it } from "vitest";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import {
  FEED_START,
  type FeedLine,
  type FeedPage,
  type FeedPlace,
  type FeedQuery,
  readFeed,
} from "../../src/d1/read-feed.ts";
import { FEED_WINDOW_KEYS } from "../../src/limits.ts";
import { newUser } from "../tracklog.ts";
import { emptyD1, insertInto, lifeOf, seedD1 } from "./events-in-d1.ts";

const PAGE: FeedQuery = { order: "asc", limit: 100, bytes: 1_000_000 };
const AT = 1_700_000_000_000;

// These tests are about the whole of D1, so each begins with an empty one.
beforeEach(() => emptyD1(env.DB));

/** A page for a reader whose place belongs to the current incarnation. */
async function pageOf(place: FeedPlace, query: FeedQuery, life?: string): Promise<FeedPage> {
  const answer = await readFeed(env.DB, place, query, life);
  if (answer.kind === "gone") throw new Error("The place is gone");
  return answer.page;
}

/** Reads page after page to the end. */
async function follow(changes: Partial<FeedQuery> = {}, after?: FeedPlace) {
  const query = { ...PAGE, ...changes };
  const pages = [await pageOf(after ?? FEED_START[query.order], query)];
  while (pages.at(-1)!.more) {
    if (pages.length > 200) throw new Error("The feed has no end");
    pages.push(await pageOf(pages.at(-1)!.next, query));
  }
  return { pages, lines: pages.flatMap(({ lines }) => lines), next: pages.at(-1)!.next };
}

/** "seq.revision" for an event, "-generation" for an erasure. */
function told(lines: FeedLine[]): string[] {
  return lines.map((line) =>
    line.kind === "event" ? `${line.row.seq}.${line.row.revision}` : `-${line.user_id}:${line.generation}`,
  );
}

describe("readFeed", () => {
  it("returns events in the order of their statements, for any size of pages and both ways", async ({ expect }) => {
    await insertInto(env.DB, ...[3, 1, 2].map((seq) => ({ seq, timestamp: 10 - seq })));
    await insertInto(env.DB, ...[5, 4].map((seq) => ({ seq })));
    const inOrder = ["3.1", "1.1", "2.1", "5.1", "4.1"];
    for (const limit of [1, 2, 3, 4, 5, 9]) {
      const { lines, pages } = await follow({ limit });
      expect(told(lines)).toEqual(inOrder);
      expect(pages).toHaveLength(Math.ceil(5 / limit));
      expect(told((await follow({ limit, order: "desc" })).lines)).toEqual(inOrder.toReversed());
    }
  });

  it("continues from each line, both ways", async ({ expect }) => {
    await insertInto(env.DB, ...[1, 2, 3].map((seq) => ({ seq })));
    await eraseEvents(env.DB, "somebody", 7, [], 1);
    await insertInto(env.DB, { seq: 4 });
    for (const order of ["asc", "desc"] as const) {
      const { lines } = await follow({ order });
      expect(lines).toHaveLength(5);
      for (const [index, { place }] of lines.entries())
        expect((await follow({ order, limit: 2 }, place)).lines).toEqual(lines.slice(index + 1));
    }
  });

  it("returns an update as a new line, and no longer the old one", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1 }, { seq: 2 });
    const { next } = await follow();
    await insertInto(env.DB, { seq: 1, revision: 2 }, { seq: 3 });
    expect(told((await follow({}, next)).lines)).toEqual(["1.2", "3.1"]);
    expect(told((await follow()).lines)).toEqual(["2.1", "1.2", "3.1"]);
    expect(told((await follow({ order: "desc" })).lines)).toEqual(["3.1", "1.2", "2.1"]);
  });

  it("repeats nothing that was only sent again", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1, revision: 2 });
    const { next } = await follow();
    await insertInto(env.DB, { seq: 1, revision: 2 });
    await insertInto(env.DB, { seq: 1, revision: 1 });
    expect((await follow({}, next)).lines).toEqual([]);
  });

  it("returns an erasure, and no longer the events of the erased log", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1 }, { seq: 2, user_id: "gone", generation: 5 }, { seq: 3 });
    const { next } = await follow();
    await eraseEvents(env.DB, "gone", 5, [[AT, 2]], 1);
    await insertInto(env.DB, { seq: 4 });
    expect(told((await follow({}, next)).lines)).toEqual(["-gone:5", "4.1"]);
    expect(told((await follow({ limit: 1 })).lines)).toEqual(["1.1", "3.1", "-gone:5", "4.1"]);
    expect(told((await follow({ event: "e", limit: 2 })).lines)).toEqual(["1.1", "3.1", "-gone:5", "4.1"]);
    expect(told((await follow({ user_id: "gone" })).lines)).toEqual(["-gone:5"]);
    expect(told((await follow({ user_id: "user123" })).lines)).toEqual(["1.1", "3.1", "4.1"]);

    // The removal of the tombstone also removes the user's id.
    await env.DB.prepare("DELETE FROM erased").run();
    expect(told((await follow({ limit: 1 })).lines)).toEqual(["1.1", "3.1", "4.1"]);
  });

  it("filters by event and by user", async ({ expect }) => {
    await insertInto(
      env.DB,
      ...["a", "b", "a", "b"].map((event, i) => ({ seq: i + 1, event, user_id: i < 2 ? "u1" : "u2" })),
    );
    for (const limit of [1, 9]) {
      expect(told((await follow({ limit, event: "a" })).lines)).toEqual(["1.1", "3.1"]);
      expect(told((await follow({ limit, user_id: "u2" })).lines)).toEqual(["3.1", "4.1"]);
      expect(told((await follow({ limit, event: "b", user_id: "u2" })).lines)).toEqual(["4.1"]);
    }
  });

  it("returns a place even if a window has no lines, so that a search advances", async ({ expect }) => {
    await seedD1(2 * FEED_WINDOW_KEYS + 700, newUser());
    await insertInto(env.DB, { event: "rare" });
    for (const order of ["asc", "desc"] as const) {
      const { pages, lines } = await follow({ order, event: "rare" });
      expect(lines).toHaveLength(1);
      expect(pages).toHaveLength(3);
    }
    expect((await follow({ event: "none" })).next).toEqual((await follow()).next);
  });

  it("ends a page early that would be too large, and continues from there", async ({ expect }) => {
    const properties = JSON.stringify({ text: "x".repeat(400_000) });
    for (let seq = 1; seq <= 10; seq += 2) await insertInto(env.DB, { seq, properties }, { seq: seq + 1, properties });
    const { pages, lines } = await follow();
    expect(told(lines)).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 1}.1`));
    expect(pages.map((page) => page.lines.length)).toEqual([3, 3, 3, 1]); // the third line exceeds a million bytes
    // There is always one line; otherwise no reader would advance.
    expect((await follow({ bytes: 1 })).pages.map((page) => page.lines.length)).toEqual(Array(10).fill(1));
  });

  it("stays at the end of an empty feed, so that nothing is missed later", async ({ expect }) => {
    for (const order of ["asc", "desc"] as const) {
      const { lines, next } = await follow({ order });
      expect(lines).toEqual([]);
      expect(next).toEqual([1, 0]);
    }
    await insertInto(env.DB, { seq: 1 });
    expect(told((await pageOf([1, 0], PAGE, await lifeOf(env.DB))).lines)).toEqual(["1.1"]);
  });

  describe("tells a reader that the place no longer exists", () => {
    it("if the database has another incarnation than the cursor", async ({ expect }) => {
      await insertInto(env.DB, { seq: 1 });
      const { next } = await follow();
      expect(await readFeed(env.DB, next, PAGE, "another")).toEqual({ kind: "gone" });
      expect(await readFeed(env.DB, next, PAGE, await lifeOf(env.DB))).toMatchObject({ kind: "page" });
    });

    it("if the next statements were removed, but not if only statements were removed that have been read", async ({
      expect,
    }) => {
      for (const seq of [1, 2, 3, 4]) await insertInto(env.DB, { seq });
      const [first, second] = (await follow()).lines.map(({ place }) => place);
      await env.DB.prepare(
        "DELETE FROM feed WHERE position IN (SELECT position FROM feed ORDER BY position LIMIT 2)",
      ).run();
      const life = await lifeOf(env.DB);
      expect(await readFeed(env.DB, first!, PAGE, life)).toEqual({ kind: "gone" });
      expect(told((await pageOf(second!, PAGE, life)).lines)).toEqual(["3.1", "4.1"]);
    });

    it("if a restore has lost statements that the reader has read", async ({ expect }) => {
      for (const seq of [1, 2, 3]) await insertInto(env.DB, { seq });
      const { next } = await follow();
      await env.DB.prepare("DELETE FROM feed WHERE position > (SELECT min(position) FROM feed)").run();
      expect(await readFeed(env.DB, next, PAGE, await lifeOf(env.DB))).toEqual({ kind: "gone" });
    });
  });
});
