import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { chooseDatabase } from "../../src/d1/open-databases.ts";
import { writerOf } from "../../src/d1/writer-of.ts";
import type { Erasure } from "../../src/user/stored-values.ts";
import { breakD1 } from "../d1-faults.ts";
import { delivered, newUser, rowsOf, stateOf, tracked, userLog } from "../tracklog.ts";

const TWO_DATABASES = Object.assign({}, env, { DB_1: env.SECOND_DB });

/** A user whose log begins in the second of two databases. */
function userForSecond(): string {
  for (;;) {
    const user = newUser();
    if (chooseDatabase(TWO_DATABASES, user, 0) === "DB_1") return user;
  }
}

/** Binds or unbinds the second database for all objects, because they have the same env as the test. */
function bindSecond(isBound: boolean) {
  if (isBound) Object.assign(env, { DB_1: env.SECOND_DB });
  else delete (env as Partial<typeof TWO_DATABASES>).DB_1;
}

function record(user: string, timestamp: number) {
  return userLog(user).record([tracked({ userId: user, timestamp })], null);
}

async function countInSecond(user: string): Promise<unknown> {
  return env.SECOND_DB.prepare("SELECT count(*) AS n FROM events WHERE user_id = ?").bind(user).first("n");
}

afterEach(() => {
  bindSecond(false);
  vi.restoreAllMocks();
});

describe("with several databases", () => {
  it("one that is no longer bound makes a run fail and not hang, and gets its events when it is bound again", async ({
    expect,
  }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const user = userForSecond();
    bindSecond(true);
    await record(user, 1);
    bindSecond(false); // before the writer has used it
    expect(await stateOf(user)).toMatchObject({ database: "DB_1" });
    expect(await Promise.race([runDurableObjectAlarm(userLog(user)), scheduler.wait(3_000)])).toBe(true);
    const alarm = await runInDurableObject(userLog(user), (_, { storage }) => storage.getAlarm());
    expect(alarm).not.toBeNull();
    bindSecond(true);
    await runDurableObjectAlarm(userLog(user));
    expect(await countInSecond(user)).toBe(1);
  });

  it("one that is away during an erasure does not keep the user's next log from another one", async ({ expect }) => {
    const user = userForSecond();
    await record(user, 1);
    await runDurableObjectAlarm(userLog(user));
    bindSecond(true);
    const d1 = breakD1(); // only the first one
    await userLog(user).erase();
    await record(user, 2);
    await runDurableObjectAlarm(userLog(user));
    expect(d1.tries()).toBeGreaterThan(0);
    expect(await countInSecond(user)).toBe(1);
    d1.restore();
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toEqual([]);
    expect(await countInSecond(user)).toBe(1);
  });

  it("one that is away during an erasure does not keep another one from finishing it", async ({ expect }) => {
    const user = userForSecond();
    await record(user, 1);
    await runDurableObjectAlarm(userLog(user));
    bindSecond(true);
    await userLog(user).erase();
    await record(user, 2);
    await runDurableObjectAlarm(userLog(user));
    expect(await countInSecond(user)).toBe(1);
    const d1 = breakD1();
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      const due: Erasure = {
        userId: user,
        events: 1,
        erasedAt: 1,
        copies: [{ database: "DB", events: 1, stage: "d1", pack: 0, days: [], files: 0 }],
        packs: 1,
        doneAt: null,
      };
      storage.kv.put("erasure:0", due); // before the erasure in the second
      storage.kv.put("erased:0:0", [[1, 1]]);
      await log.erase();
      await log.alarm();
    });
    expect(await countInSecond(user)).toBe(0);
    d1.restore();
  });
});

/** The writers that a user's calls go to. */
async function lanesOf(users: string[], lanes: string): Promise<string[][]> {
  const getByName = vi.spyOn(env.D1_WRITER, "getByName");
  const names = users.map((user) => {
    for (let i = 0; i < 3; i++) writerOf({ ...env, D1_WRITER_LANES: lanes }, "DB_1", user);
    return getByName.mock.calls.splice(0).map(([name]) => name);
  });
  getByName.mockRestore();
  return names;
}

describe("with several lanes to a database", () => {
  it("a user always has the same lane, and each lane has users", async ({ expect }) => {
    const users = Array.from({ length: 200 }, newUser);
    const lanes = await lanesOf(users, "4");
    for (const names of lanes) expect(new Set(names).size).toBe(1);
    expect([...new Set(lanes.flat())].toSorted()).toEqual(["DB_1#0", "DB_1#1", "DB_1#2", "DB_1#3"]);
    expect(await lanesOf(users, "4")).toEqual(lanes);
  });

  it("the lanes fill evenly although the database was chosen by the same id", async ({ expect }) => {
    const users = Array.from({ length: 400 }, newUser).filter(
      (user) => chooseDatabase(TWO_DATABASES, user, 0) === "DB_1",
    );
    const names = (await lanesOf(users, "2")).map(([name]) => name);
    const share = names.filter((name) => name === "DB_1#0").length / names.length;
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.7);
  });

  it.for(["", "0", "-3", "many", "1"])("there is one if the setting is %j", async (lanes, { expect }) => {
    expect(await lanesOf([newUser()], lanes)).toEqual([["DB_1#0", "DB_1#0", "DB_1#0"]]);
  });

  it("each writes to its database, and runs near it if that is configured", async ({ expect }) => {
    const users = Array.from({ length: 6 }, newUser);
    env.D1_WRITER_LANES = "3";
    try {
      for (const user of users) await record(user, 1);
      for (const user of users) await delivered(user);
      for (const user of users) expect(await rowsOf(user)).toHaveLength(1);
    } finally {
      env.D1_WRITER_LANES = "1";
    }
    const getByName = vi.spyOn(env.D1_WRITER, "getByName");
    writerOf({ ...env, LOCATION: "weur" }, "DB", users[0]!);
    expect(getByName.mock.lastCall).toEqual(["DB#0", { locationHint: "weur" }]);
  });
});
