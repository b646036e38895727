import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterEach, describe, it, vi } from "vitest";
import { alarmOf, newUser, pendingOf, record, rowsOf, userLog } from "../tracklog.ts";

/**
 * What may happen to a log. Events have numbers, so that some are updated, also while they are on their way. Nothing
 * waits for time to pass, because D1 answers and the alarm goes off when the history says so.
 */
const STEPS = [
  "record",
  "record",
  "record",
  "many",
  "D1 works",
  "D1 works",
  "alarm",
  "erase",
  "crash",
  "evict",
  "clock back",
  "fail",
  "fail after",
] as const;
const step = fc.record({
  kind: fc.constantFrom(...STEPS),
  numbers: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
});

env.RATE_LIMIT_BURST_EVENTS = "100000";

/**
 * A D1 that answers only when it is told to. It also fails when it is told to, before or after a batch takes effect.
 */
class SteppedD1 {
  /**
   * Uses flags and not promises, because a promise that one object resolves continues the test in that object's
   * context.
   */
  readonly #waiting: { mayGo: boolean }[] = [];
  readonly failures: ("fail" | "fail after")[] = [];
  isFree = false;

  constructor() {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const batch = env.DB.batch.bind(env.DB);
    vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
      await this.#turn();
      const failure = this.failures.shift();
      if (failure === "fail") throw new Error("D1_ERROR: D1 is away");
      const result = await batch(statements);
      await this.#turn();
      if (failure) throw new Error("D1_ERROR: Network connection lost");
      return result;
    });
  }

  /** Lets everything continue that waits for D1 now. */
  async work(): Promise<void> {
    for (const turn of this.#waiting.splice(0)) turn.mayGo = true;
    await scheduler.wait(2);
  }

  async #turn(): Promise<void> {
    const turn = { mayGo: false };
    this.#waiting.push(turn);
    while (!turn.mayGo && !this.isFree) await scheduler.wait(1);
  }
}

/** What D1 must have in the end, which is the rows of the log and nothing else. */
async function differences(user: string): Promise<string> {
  const log = await userLog(user).timeline({ order: "asc", limit: 500 });
  const inLog = (log?.events ?? []).toSorted((a, b) => a.seq - b.seq);
  const texts = [inLog, await rowsOf(user)].map((rows) =>
    JSON.stringify(rows.map(({ seq, revision, properties }) => [seq, revision, properties])),
  );
  return texts[0] === texts[1] ? "" : `log: ${texts[0]}, D1: ${texts[1]}`;
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("G2: delivery", () => {
  it("ends with D1 equal to the log, whatever happened before", { timeout: 120_000 }, async ({ expect }) => {
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 16 }), async (steps) => {
        const d1 = new SteppedD1();
        const user = newUser();
        let now = Date.now();
        vi.useFakeTimers({ toFake: ["Date"], now });
        const alarm = () => runInDurableObject(userLog(user), (log) => log.alarm()).catch(() => {});
        const running: Promise<unknown>[] = [];
        for (const { kind, numbers } of steps) {
          vi.setSystemTime(++now);
          if (kind === "record") await record(user, ...numbers.map((i) => ({ timestamp: i, properties: { n: ++n } })));
          else if (kind === "many")
            // These are enough for the backlog to write packs.
            await record(user, ...Array.from({ length: 200 }, (_, i) => ({ timestamp: i, event: "e".repeat(200) })));
          else if (kind === "D1 works") await d1.work();
          else if (kind === "alarm") running.push(alarm());
          else if (kind === "erase") await userLog(user).erase();
          else if (kind === "crash") await abortAllDurableObjects();
          else if (kind === "evict")
            await Promise.race([evictDurableObject(userLog(user)).catch(() => {}), scheduler.wait(20)]);
          else if (kind === "clock back") now -= 3_600_000;
          else d1.failures.push(kind);
        }
        d1.failures.length = 0;
        d1.isFree = true;
        await Promise.all(running);
        // If something is left to deliver, an alarm must be on disk, because the object's memory may be lost at any
        // time.
        const isSafe = async () => (await alarmOf(user)) !== null || (await differences(user)) === "";
        await vi.waitUntil(isSafe, { timeout: 5_000 }); // this holds at once, unless an alarm is going off right now
        // No new event arrives. A few alarms must be enough.
        for (let alarms = 0; alarms < 4; alarms++) await runDurableObjectAlarm(userLog(user)).catch(() => {});
        expect(await differences(user)).toBe("");
        // The object agrees as well, and repeating everything changes nothing.
        const before = await rowsOf(user);
        await alarm();
        expect(await rowsOf(user)).toEqual(before);
        expect(await pendingOf(user)).toBe(0);
        vi.useRealTimers();
        vi.restoreAllMocks();
      }),
      { numRuns: 100, seed: 11, endOnFailure: true },
    );
  });
});
