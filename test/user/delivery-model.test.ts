import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterEach, describe, it, vi } from "vitest";
import { interceptInsertions } from "../d1-faults.ts";
import { newUser, rowsOf, tracked, userLog } from "../tracklog.ts";

/** What may happen to a log; events by number, so that some are updated, and some while they are on their way. */
const STEPS = [
  "record",
  "record",
  "record",
  "pause",
  "alarm",
  "erase",
  "crash",
  "evict",
  "fail",
  "fail after",
] as const;
const step = fc.record({
  kind: fc.constantFrom(...STEPS),
  numbers: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
  ms: fc.constantFrom(0, 5, 90, 110, 150),
});

env.RATE_LIMIT_BURST_EVENTS = "100000";

/** Makes the next insertions or deletions fail: before D1 has got them, or after. */
function flakyD1() {
  const failures: ("fail" | "fail after")[] = [];
  const around = async <T>(run: () => Promise<T>): Promise<T> => {
    const failure = failures.shift();
    if (failure === "fail") throw new Error("D1_ERROR: D1 is away");
    await scheduler.wait(30); // long enough for something to happen meanwhile, on either side
    const result = await run();
    await scheduler.wait(30);
    if (failure) throw new Error("D1_ERROR: Network connection lost");
    return result;
  };
  vi.spyOn(console, "error").mockImplementation(() => {});
  interceptInsertions(around);
  const batch = env.DB.batch.bind(env.DB);
  vi.spyOn(env.DB, "batch").mockImplementation((statements) => around(() => batch(statements)));
  return failures;
}

/** What D1 must have in the end: the rows of the log, and nothing else. */
async function settled(user: string): Promise<boolean> {
  const log = await userLog(user).timeline({ order: "asc", limit: 500 });
  const inLog = (log?.events ?? []).toSorted((a, b) => a.seq - b.seq);
  const texts = [inLog, await rowsOf(user)].map((rows) =>
    JSON.stringify(rows.map(({ seq, revision, properties }) => [seq, revision, properties])),
  );
  return texts[0] === texts[1];
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("delivery", () => {
  it("ends with D1 equal to the log, whatever happened on the way", { timeout: 120_000 }, async ({ expect }) => {
    const failures = flakyD1();
    let n = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        const user = newUser();
        for (const { kind, numbers, ms } of steps) {
          if (kind === "record")
            await userLog(user).record(
              numbers.map((i) => tracked({ userId: user, timestamp: i, properties: { n: ++n } })),
              null,
            );
          else if (kind === "pause") await scheduler.wait(ms);
          else if (kind === "alarm") void runInDurableObject(userLog(user), (log) => log.alarm()).catch(() => {});
          else if (kind === "erase") await userLog(user).erase();
          else if (kind === "crash") await abortAllDurableObjects();
          else if (kind === "evict") await evictDurableObject(userLog(user)).catch(() => {});
          else failures.push(kind);
        }
        failures.length = 0;
        // No new event: what is set must be enough.
        const ended = await vi.waitUntil(() => settled(user), { timeout: 8_000, interval: 20 }).catch(() => false);
        if (!ended) throw new Error(`D1 differs: ${JSON.stringify(await rowsOf(user))}`);
        // The mark agrees as well, and whatever comes once more changes nothing.
        const before = await rowsOf(user);
        await runDurableObjectAlarm(userLog(user));
        await runInDurableObject(userLog(user), (log) => log.alarm());
        expect(await rowsOf(user)).toEqual(before);
        expect((await userLog(user).summary())?.pending ?? 0).toBe(0);
      }),
      { numRuns: 25, endOnFailure: true },
    );
  });
});
