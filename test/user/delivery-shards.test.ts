import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { chooseDatabase } from "../../src/d1/databases.ts";
import type { LogState } from "../../src/user/log-state.ts";
import { newUser, tracked, userLog } from "../tracklog.ts";

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
});
