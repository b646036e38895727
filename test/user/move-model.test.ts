import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterEach, describe, it, vi } from "vitest";
import { FULL_MEMORY_MS } from "../../src/limits.ts";
import {
  bindDatabases,
  type DatabaseName,
  forgetFull,
  paceBatches,
  release,
  setMode,
  unbindDatabases,
  userOf,
  whereabouts,
} from "../several-databases.ts";
import { alarmOf, pendingOf, record, stateOf, userLog } from "../tracklog.ts";

const NAMES = ["DB", "DB_1", "DB_2"] as const;
const MODES = ["ok", "ok", "full", "full", "away", "lost", "late"] as const;

/** What may happen. Events have numbers, so that some are updated wherever they are. Databases have names. */
const WEIGHTS = {
  record: 8,
  many: 1,
  "D1 works": 10,
  mode: 6,
  close: 2,
  "late ones arrive": 2,
  alarm: 5,
  "send again": 1,
  erase: 1,
  crash: 1,
  evict: 1,
  "an hour": 1,
} as const;
const STEPS = Object.entries(WEIGHTS).flatMap(([kind, weight]) =>
  Array.from({ length: weight }, () => kind as keyof typeof WEIGHTS),
);

const step = fc.record({
  kind: fc.constantFrom(...STEPS),
  name: fc.constantFrom(...NAMES),
  mode: fc.constantFrom(...MODES),
  numbers: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 }),
});

env.RATE_LIMIT_BURST_EVENTS = "100000";

/**
 * A D1 that continues only when it is told to. Promises would continue in another object's context, so it uses flags.
 */
class Pace {
  #waiting: { mayGo: boolean }[] = [];
  isFree = false;

  constructor() {
    paceBatches(async () => {
      const turn = { mayGo: this.isFree };
      this.#waiting.push(turn);
      while (!turn.mayGo && !this.isFree) await scheduler.wait(1);
    });
  }

  async work(): Promise<void> {
    for (let rounds = 0; rounds < 3; rounds++) {
      for (const turn of this.#waiting.splice(0)) turn.mayGo = true;
      await scheduler.wait(30);
    }
  }
}

async function differences(user: string): Promise<string> {
  if (!(await stateOf(user))) return (await isNowhere(user)) ? "" : "an erased user is somewhere";
  const { log, d1 } = await whereabouts(user);
  return log === d1 ? "" : `log: ${log}, D1: ${d1}`;
}

async function isNowhere(user: string): Promise<boolean> {
  const counts = [env.DB, env.SECOND_DB, env.THIRD_DB].map((database) =>
    database.prepare("SELECT count(*) AS n FROM events WHERE user_id = ?").bind(user).first<number>("n"),
  );
  return (await Promise.all(counts)).every((count) => count === 0);
}

afterEach(() => {
  vi.useRealTimers();
  unbindDatabases();
});

describe("several databases", () => {
  it(
    "together have the log, with each row in the database that the log names",
    { timeout: 300_000 },
    async ({ expect }) => {
      let n = 0;
      const seen = { moved: 0, stretches: 0, moves: 0 };
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 10, maxLength: 40 }),
          fc.constantFrom<DatabaseName | null>(...NAMES, null),
          async (steps, full) => {
            bindDatabases("DB_1", "DB_2");
            const d1 = new Pace();
            const user = userOf("DB");
            const closed = new Set<string>();
            let now = Date.now();
            vi.useFakeTimers({ toFake: ["Date"], now });
            const alarm = () => runInDurableObject(userLog(user), (log) => log.alarm()).catch(() => {});
            const running: Promise<unknown>[] = [];
            for (const { kind, name, mode, numbers } of steps) {
              vi.setSystemTime(++now);
              if (kind === "record")
                await record(user, ...numbers.map((i) => ({ timestamp: i, properties: { n: ++n } })));
              else if (kind === "many")
                // These are enough for the backlog to write packs.
                await record(
                  user,
                  ...Array.from({ length: 120 }, (_, i) => ({ timestamp: i, event: "e".repeat(200) })),
                );
              else if (kind === "D1 works") await d1.work();
              else if (kind === "mode") setMode(name, mode);
              else if (kind === "close") {
                if (!closed.delete(name)) closed.add(name);
                env.CLOSED_DATABASES = [...closed].join(",");
              } else if (kind === "late ones arrive") await release();
              else if (kind === "alarm") running.push(alarm());
              else if (kind === "send again")
                running.push(
                  userLog(user)
                    .redeliver(name, null)
                    .catch(() => {}),
                );
              else if (kind === "erase") await userLog(user).erase();
              else if (kind === "crash") await abortAllDurableObjects();
              else if (kind === "evict")
                await Promise.race([evictDurableObject(userLog(user)).catch(() => {}), scheduler.wait(20)]);
              else now += FULL_MEMORY_MS;
            }
            // One may stay full for ever. Another is open, and gets what is left to deliver.
            env.CLOSED_DATABASES = "";
            for (const name of NAMES) setMode(name, name === full ? "full" : "ok");
            for (const name of NAMES) forgetFull(name);
            d1.isFree = true;
            await Promise.all(running);
            vi.setSystemTime((now += FULL_MEMORY_MS));
            const isSafe = async () => (await alarmOf(user)) !== null || (await differences(user)) === "";
            await vi.waitUntil(isSafe, { timeout: 5_000 });
            // No new event arrives. A few alarms must be enough.
            for (let alarms = 0; alarms < 5; alarms++) await runDurableObjectAlarm(userLog(user)).catch(() => {});
            await vi.waitFor(async () => expect(await differences(user)).toBe(""), { timeout: 5_000 });
            // The object agrees as well, even after a late eviction. Calls that timed out long ago and calls that are
            // repeated change nothing.
            await alarm();
            await vi.waitUntil(async () => (await pendingOf(user)) === 0, { timeout: 5_000 });
            await release();
            for (const name of NAMES) await userLog(user).redeliver(name, null);
            expect(await differences(user)).toBe("");
            const moved = (await stateOf(user))?.moved;
            if (moved) seen.moved++;
            seen.moves += moved?.moves ?? 0;
            seen.stretches = Math.max(seen.stretches, moved?.stretches.length ?? 0);
            vi.useRealTimers();
            unbindDatabases();
          },
        ),
        { numRuns: 40, seed: 5, endOnFailure: true },
      );
      // The property would hold trivially for histories in which nothing moves.
      expect(seen.moved).toBeGreaterThan(5);
      expect(seen.moves).toBeGreaterThan(5);
      expect(seen.stretches).toBeGreaterThan(2); // a log that only continues elsewhere has two
    },
  );
});
