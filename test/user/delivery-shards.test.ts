import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { chooseDatabase } from "../../src/d1/databases.ts";
import type { LogState } from "../../src/user/log-state.ts";
import { breakD1 } from "../d1-faults.ts";
import { newUser, rowsOf, tracked, userLog } from "../tracklog.ts";

const TWO_DATABASES: Env = Object.assign({}, env, { DB_1: env.SECOND_DB });

/** A user whom the second of two databases would get. */
function userForSecond(): string {
  for (;;) {
    const user = newUser();
    if (chooseDatabase(TWO_DATABASES, user) === "DB_1") return user;
  }
}

/** Lets the object of a user, and the second database's writer, see the second database or not. */
async function bind(user: string, bound: Env) {
  for (const stub of [userLog(user), env.D1_WRITER.getByName("DB_1")])
    await runInDurableObject(stub as DurableObjectStub, (instance) => {
      Object.assign(instance, { env: bound });
    });
}

function record(user: string, timestamp: number) {
  return userLog(user).record([tracked({ userId: user, timestamp })], null);
}

async function countInSecond(user: string): Promise<unknown> {
  return env.SECOND_DB.prepare("SELECT count(*) AS n FROM events WHERE user_id = ?").bind(user).first("n");
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("with several databases", () => {
  it("one that is bound no more makes a run fail, not hang, and gets its events when it is bound again", async ({
    expect,
  }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const user = userForSecond();
    await bind(user, TWO_DATABASES);
    await bind(user, env); // the writer first meets its database when it is gone
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      Object.assign(log, { env: TWO_DATABASES });
      await log.record([tracked({ userId: user })], null);
      expect(storage.kv.get<LogState>("log")).toMatchObject({ database: "DB_1" });
    });
    expect(await Promise.race([runDurableObjectAlarm(userLog(user)), scheduler.wait(3_000)])).toBe(true);
    const alarm = await runInDurableObject(userLog(user), (_, { storage }) => storage.getAlarm());
    expect(alarm).not.toBeNull();
    await bind(user, TWO_DATABASES);
    await runDurableObjectAlarm(userLog(user));
    expect(await countInSecond(user)).toBe(1);
  });

  it("one that is away and has to forget a log does not keep the next log from another", async ({ expect }) => {
    const user = userForSecond();
    await record(user, 1);
    await runDurableObjectAlarm(userLog(user));
    await bind(user, TWO_DATABASES);
    const d1 = breakD1(); // the first one only
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

  it("one that is away and has to forget a log does not keep another from forgetting", async ({ expect }) => {
    const user = userForSecond();
    await record(user, 1);
    await runDurableObjectAlarm(userLog(user));
    await bind(user, TWO_DATABASES);
    await userLog(user).erase();
    await record(user, 2);
    await runDurableObjectAlarm(userLog(user));
    expect(await countInSecond(user)).toBe(1);
    const d1 = breakD1();
    await runInDurableObject(userLog(user), async (log, { storage }) => {
      storage.kv.put("erasure", { DB: { generation: 1 } }); // due, and before that of the second
      await log.erase();
      await log.alarm();
    });
    expect(await countInSecond(user)).toBe(0);
    d1.restore();
  });
});
