import { env } from "cloudflare:workers";
import { beforeEach, describe, it } from "vitest";
import { erasedLogs, firstHotRow, removeHotRows, removeOldFeed } from "../../src/archive/hot-rows.ts";
import { insertTombstones } from "../../src/d1/replay-erasures.ts";
import { MAX_ERASED_KEYS } from "../../src/limits.ts";
import { emptyD1, insertInto, seedD1, watched } from "../d1/events-in-d1.ts";

beforeEach(() => emptyD1(env.DB));

/** Lets rows up to a number have been written lately. */
async function writtenLately(until: number): Promise<void> {
  await env.DB.prepare("UPDATE events SET written_at = 1000000 WHERE seq <= ?").bind(until).run();
}

async function feed(): Promise<unknown[]> {
  return (await env.DB.prepare("SELECT position, events, keys FROM feed ORDER BY position").all()).results;
}

function logOf(number: number) {
  return { user_id: `user ${number}`, generation: 7 };
}

describe("the first row that is old enough", () => {
  const horizon = { cutoff: 500_000, writtenBefore: 900_000 };
  const find = (after: [number, number, number, string] | null = null, until = Infinity) =>
    firstHotRow(env.DB, after, horizon, until);

  it("is found behind many that were written lately", async ({ expect }) => {
    await seedD1(260, "ann");
    expect(await find()).toEqual([1, 1, 1, "ann"]);
    expect(await find([1, 1, 1, "ann"])).toEqual([2, 1, 2, "ann"]);
    await writtenLately(250);
    expect(await find()).toEqual([251, 1, 251, "ann"]);
    await writtenLately(260);
    expect(await find()).toBeNull();
  });

  it("is looked for later where the time is up, unless it is among the first", async ({ expect }) => {
    await seedD1(260, "ann");
    expect(await find(null, 0)).toEqual([1, 1, 1, "ann"]);
    await writtenLately(250);
    expect(await find(null, 0)).toBe("later");
  });

  it("is none that happened lately, nor one in an empty database", async ({ expect }) => {
    expect(await find()).toBeNull();
    await insertInto(env.DB, { timestamp: horizon.cutoff });
    await env.DB.prepare("UPDATE events SET written_at = 0").run();
    expect(await find()).toBeNull();
  });
});

describe("what leaves D1", () => {
  it("has left all of the feed before, however much that is, but for the newest position", async ({ expect }) => {
    await seedD1(2 * MAX_ERASED_KEYS + 3, "ann", 1);
    const newest = await env.DB.prepare("SELECT max(position) AS n FROM feed").first<number>("n");
    await removeOldFeed(env.DB, 2 * MAX_ERASED_KEYS + 1);
    expect(await feed()).toHaveLength(3);
    await removeOldFeed(env.DB, Number.MAX_SAFE_INTEGER);
    expect(await feed()).toEqual([{ position: newest, events: 0, keys: "[]" }]);
  });

  it("leaves in statements of a bounded size", async ({ expect }) => {
    await seedD1(MAX_ERASED_KEYS + 2, "ann");
    const rows = Array.from({ length: MAX_ERASED_KEYS + 1 }, (_, i) => i + 1).map((n) => {
      return { timestamp: n, generation: 1, seq: n, user_id: "ann", revision: 1 };
    });
    const { database, statements } = watched(env.DB);
    await removeHotRows(database, rows);
    const removals = statements.filter(({ sql }) => sql.startsWith("DELETE FROM events"));
    expect(removals).toHaveLength(2);
    expect(removals[1]!.written).toBeGreaterThan(0);
    expect(removals[0]!.written).toBe(MAX_ERASED_KEYS * removals[1]!.written);
    const { results } = await env.DB.prepare("SELECT seq FROM events").all();
    expect(results).toEqual([{ seq: MAX_ERASED_KEYS + 2 }]);
  });

  it("is nothing of a log that is erased meanwhile", async ({ expect }) => {
    const logs = Array.from({ length: MAX_ERASED_KEYS + 2 }, (_, n) => logOf(n));
    const erased = [logOf(1), logOf(MAX_ERASED_KEYS + 1), { ...logOf(2), generation: 8 }];
    await insertTombstones(env.DB, erased, 1);
    expect(await erasedLogs(env.DB, logs)).toEqual(new Set(["7 user 1", `7 user ${MAX_ERASED_KEYS + 1}`]));
    expect(await erasedLogs(env.DB, logs.slice(0, 3))).toEqual(new Set(["7 user 1"]));
  });
});
