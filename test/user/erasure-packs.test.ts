import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { MAX_ERASED_KEYS } from "../../src/limits.ts";
import { holdDeletion, holdD1, interceptBatches } from "../d1-faults.ts";
import {
  alarmOf,
  delivered,
  events,
  inStorage,
  letReceiptsExpire,
  newUser,
  record,
  rowsOf,
  stateOf,
  userLog,
} from "../tracklog.ts";

env.RATE_LIMIT_BURST_EVENTS = "1000000";

const MANY = 12_000;
const PACKS = Math.ceil(MANY / MAX_ERASED_KEYS);

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Numbers from 3 on, as many as the first parameter says. */
const NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 3 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)";

/** A user whose log has this many events, which D1 has as well. Both are filled faster than requests could. */
async function filledUser(count: number): Promise<string> {
  const user = newUser();
  await record(user, ...events(2));
  await delivered(user);
  const { generation } = (await stateOf(user))!;
  await inStorage(user, ({ sql, kv }) => {
    sql.exec(
      `INSERT INTO events ${NUMBERS}
       SELECT 1700000000000 + n, 'e', '', n, 1, '{}', '{}', 0, NULL, NULL, NULL FROM numbers`,
      count,
    );
    kv.put("log", { ...kv.get<object>("log"), headSeq: count, backlog: [] });
  });
  await env.DB.prepare(
    `INSERT INTO events ${NUMBERS}
     SELECT 1700000000000 + n, ?2, n, ?3, 1, 'e', NULL, '{}', '{}', 0, NULL, 0 FROM numbers`,
  )
    .bind(count, generation, user)
    .run();
  await abortAllDurableObjects(); // so that the state is read again
  return user;
}

async function countOf(user: string): Promise<number> {
  return (await env.DB.prepare("SELECT count(*) AS n FROM events WHERE user_id = ?").bind(user).first<number>("n"))!;
}

async function released(user: string) {
  await letReceiptsExpire(user);
  return vi.waitUntil(
    async () =>
      (await alarmOf(user)) === null &&
      (await inStorage(
        user,
        ({ sql, kv }) => sql.exec("SELECT 1 FROM sqlite_master").toArray().length + [...kv.list()].length,
      )) === 0,
    { timeout: 10_000, interval: 50 },
  );
}

describe("an erasure of many events", () => {
  it("takes statements with a bounded number of keys, and deletes all storage", async ({ expect }) => {
    const user = await filledUser(MANY);
    const sizes: number[] = [];
    interceptBatches("DELETE FROM events", (run, parameter) => {
      sizes.push((JSON.parse(parameter) as unknown[]).length);
      return run();
    });
    expect((await userLog(user).erase()).erased).toBe(MANY);
    await released(user);
    expect(await countOf(user)).toBe(0);
    // The last one has no keys. It comes after the archive, and makes the directory remove the user.
    expect(sizes).toEqual([MAX_ERASED_KEYS, MAX_ERASED_KEYS, MANY - 2 * MAX_ERASED_KEYS, 0]);
    const told = env.DB.prepare("SELECT count(*) AS n FROM feed JOIN erased ON generation = erased WHERE user_id = ?");
    expect(await told.bind(user).first("n")).toBe(1); // only once, although it took several statements
  });

  it.for(Array.from({ length: PACKS }, (_, i) => [i + 1, i % 2 ? "before" : "after"] as const))(
    "continues where it was after a crash in statement %i, %s D1 has done it",
    async ([statement, moment], { expect }) => {
      const user = await filledUser(MANY);
      const deletion = holdDeletion(moment, statement);
      await userLog(user).erase();
      await deletion.reached();
      await abortAllDurableObjects();
      deletion.release();
      let sent = 0;
      interceptBatches("DELETE FROM events", (run) => {
        sent++;
        return run();
      });
      await record(user, ...events(2)); // in a new log
      await runDurableObjectAlarm(userLog(user));
      await delivered(user);
      await vi.waitFor(async () => expect(await countOf(user)).toBe(2), { timeout: 5_000 });
      await letReceiptsExpire(user);
      expect(sent).toBe(PACKS - statement + 2); // finished statements are not repeated; the last one has no keys
      expect(await rowsOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]);
      expect(await inStorage(user, ({ kv }) => [...kv.list({ prefix: "eras" })])).toEqual([]);
    },
  );

  it("keeps out rows that reach D1 between two of its statements or after all of them", async ({ expect }) => {
    const user = newUser();
    const straggler = holdD1("before");
    await record(user, ...events(3));
    await straggler.reached(); // its statement is on its way, and its writer has ended
    const { generation } = (await stateOf(user))!;
    await abortAllDurableObjects();
    await runInDurableObject(userLog(user), (log) => log.erase());
    await vi.waitUntil(() => env.DB.prepare("SELECT 1 FROM erased WHERE generation = ?").bind(generation).first(), {
      timeout: 5_000,
      interval: 20,
    });
    straggler.release(); // only now does D1 get it
    await scheduler.wait(100);
    await record(user, ...events(1));
    await delivered(user);
    expect(await rowsOf(user)).toMatchObject([{ seq: 1, generation: (await stateOf(user))!.generation }]);
  });
});

describe("an erasure", () => {
  it("deletes no acknowledged event of the next log if the clock was set back an hour", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(2));
    await delivered(user);
    const first = (await stateOf(user))!.generation;
    const deletion = holdDeletion("before");
    await userLog(user).erase();
    await deletion.reached();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3_600_000 });
    await record(user, ...events(2)); // the same events, an hour earlier
    expect((await stateOf(user))!.generation).not.toBe(first);
    deletion.release();
    await runInDurableObject(userLog(user), (log) => log.alarm());
    await delivered(user);
    expect(await rowsOf(user)).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    expect((await userLog(user).summary())!.events).toBe(2);
  });

  it("gives each log of a user another number, even within a millisecond", async ({ expect }) => {
    const user = newUser();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const generations = new Set<number>();
    for (let i = 0; i < 20; i++) {
      await record(user, ...events(1));
      generations.add((await stateOf(user))!.generation);
      await userLog(user).erase();
    }
    expect(generations.size).toBe(20);
    for (const generation of generations) expect(Number.isSafeInteger(generation)).toBe(true);
  });
});
