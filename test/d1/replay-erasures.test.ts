import { env } from "cloudflare:workers";
import { beforeEach, describe, it } from "vitest";
import { readErased } from "../../src/d1/read-rows.ts";
import { removeLeftovers } from "../../src/d1/remove-leftovers.ts";
import { insertTombstones, sweepErased } from "../../src/d1/replay-erasures.ts";
import { MAX_ERASED_KEYS } from "../../src/limits.ts";
import { emptyD1, insertInto, seedD1 } from "./events-in-d1.ts";

beforeEach(() => emptyD1(env.DB));

async function kept(): Promise<[user: string, generation: number, seq: number][]> {
  const { results } = await env.DB.prepare("SELECT user_id, generation, seq FROM events ORDER BY 1, 2, 3").all();
  return results.map(({ user_id, generation, seq }) => [user_id as string, generation as number, seq as number]);
}

describe("a database that has lost erasures", () => {
  it("lets go of the rows of erased logs, part by part, and of nobody else's", async ({ expect }) => {
    await seedD1(MAX_ERASED_KEYS, "ann");
    await insertInto(env.DB, { user_id: "bob" }, { user_id: "cleo" }, { user_id: "cleo", generation: 2 });
    const erased = [
      { user_id: "ann", generation: 1 },
      { user_id: "cleo", generation: 1 },
    ];
    await insertTombstones(env.DB, erased, 5);
    const end = await sweepErased(env.DB, null);
    expect(end).toEqual([MAX_ERASED_KEYS, 1, MAX_ERASED_KEYS, "ann"]);
    expect(await kept()).toEqual([
      ["bob", 1, 1],
      ["cleo", 1, 1],
      ["cleo", 2, 1],
    ]);
    expect(await sweepErased(env.DB, end)).toEqual([1_700_000_000_000, 2, 1, "cleo"]);
    expect(await kept()).toEqual([
      ["bob", 1, 1],
      ["cleo", 2, 1],
    ]);
    expect(await sweepErased(env.DB, [1_700_000_000_000, 2, 1, "cleo"])).toBeNull();
  });

  it("tells page by page which it knows", async ({ expect }) => {
    const erased = ["ann", "bob", "ann"].map((user_id, i) => ({ user_id, generation: i < 2 ? 7 : 8 }));
    await insertTombstones(env.DB, erased.toReversed(), 5);
    expect(await readErased(env.DB, [0, ""], 2)).toEqual(erased.slice(0, 2));
    expect(await readErased(env.DB, [7, "ann"], 9)).toEqual(erased.slice(1));
    expect(await readErased(env.DB, [8, "ann"], 9)).toEqual([]);
  });
});

describe("what a restore has brought back of another database's", () => {
  it("goes by its keys, and nothing else does", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1 }, { seq: 2 }, { seq: 3 }, { seq: 1, generation: 2 }, { seq: 1, user_id: "bob" });
    await removeLeftovers(env.DB, "user123", 1, [
      [1_700_000_000_000, 1],
      [1_700_000_000_000, 3],
      [1_700_000_000_001, 2],
    ]);
    expect(await kept()).toEqual([
      ["bob", 1, 1],
      ["user123", 1, 2],
      ["user123", 2, 1],
    ]);
  });
});
