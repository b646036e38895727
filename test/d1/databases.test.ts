import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it } from "vitest";
import { databaseNamed, databaseNames, placeOf } from "../../src/d1/databases.ts";
import { chooseDatabase } from "../../src/d1/open-databases.ts";
import type { UserLog } from "../../src/user/user-log.ts";
import { newUser, rowsOf, tracked, userLog } from "../tracklog.ts";

/** An environment with databases bound under these names. */
function binding(...names: string[]): Env {
  return { ...env, ...Object.fromEntries(names.map((name) => [name, env.SECOND_DB])) };
}

/** A user whose log begins in the second of two databases. */
function userForSecond(): string {
  for (;;) {
    const user = newUser();
    if (chooseDatabase(binding("DB_1"), user, 0) === "DB_1") return user;
  }
}

/** Binds or unbinds a second database for all objects, because they have the same env as the test. */
function bindSecond(isBound: boolean) {
  if (isBound) Object.assign(env, { DB_1: env.SECOND_DB });
  else delete (env as unknown as { DB_1?: D1Database }).DB_1;
}

afterEach(() => bindSecond(false));

function record(user: string, timestamp: number) {
  return userLog(user).record([tracked({ userId: user, timestamp })], null);
}

async function countIn(database: D1Database, user: string) {
  const count = await database.prepare("SELECT count(*) AS n FROM events WHERE user_id = ?").bind(user).first("n");
  return count as number;
}

describe("the databases", () => {
  it("are DB and those with a number, in the order of the numbers", ({ expect }) => {
    expect(databaseNames(env)).toEqual(["DB"]);
    expect(databaseNames(binding("DB_10", "DB_2", "DB_1"))).toEqual(["DB", "DB_1", "DB_2", "DB_10"]);
    expect(databaseNames(binding("DB_", "DB_a", "MY_DB", "DB_1_2", "db"))).toEqual(["DB"]);
  });

  it("are found by name, and an error names a missing one", ({ expect }) => {
    expect(databaseNamed(env, "DB")).toBe(env.DB);
    expect(() => databaseNamed(env, "DB_7")).toThrow("No D1 database is bound as DB_7");
  });

  it("keep their users: a place is the same for ever, since rows may be on their way to it", ({ expect }) => {
    const places = ["", "a", "user123", "lane user123", "ünïcödé 😀"].map((text) => placeOf(text, 1_000_003));
    expect(places).toEqual([990_307, 640_383, 446_946, 892, 887_498]);
  });

  it("get about as many users each", ({ expect }) => {
    const four = binding("DB_1", "DB_2", "DB_3");
    for (const idOf of [(i: number) => String(i), (i: number) => `user-${i}@example.com`, () => crypto.randomUUID()]) {
      const counts = new Map<string, number>();
      for (let i = 0; i < 4_000; i++) {
        const name = chooseDatabase(four, idOf(i), 0);
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      for (const name of databaseNames(four)) expect(counts.get(name)).toBeGreaterThan(850);
    }
    expect(chooseDatabase(four, "x", 0)).toBe(chooseDatabase(four, "x", 0));
  });
});

describe("a log", () => {
  it("keeps its database when another is bound, which new logs may use", async ({ expect }) => {
    const old = userForSecond();
    await record(old, 1);
    await runDurableObjectAlarm(userLog(old));
    bindSecond(true);
    await record(old, 2);
    await runDurableObjectAlarm(userLog(old));
    expect(await rowsOf(old)).toHaveLength(2);
    expect(await countIn(env.SECOND_DB, old)).toBe(0);

    const since = userForSecond();
    bindSecond(true);
    await record(since, 1);
    await runDurableObjectAlarm(userLog(since));
    expect(await rowsOf(since)).toHaveLength(0);
    expect(await countIn(env.SECOND_DB, since)).toBe(1);
  });

  it("is erased from its first database even if the user's next log is in another one", async ({ expect }) => {
    const user = userForSecond();
    await record(user, 1);
    await runDurableObjectAlarm(userLog(user));
    bindSecond(true);
    await runInDurableObject(userLog(user), (log: UserLog) => log.erase());
    await record(user, 2);
    await runInDurableObject(userLog(user), (log: UserLog) => log.erase());
    await record(user, 3);
    await runDurableObjectAlarm(userLog(user));
    expect(await countIn(env.DB, user)).toBe(0);
    expect(await countIn(env.SECOND_DB, user)).toBe(1);
  });
});
