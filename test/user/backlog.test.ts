import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { MAX_RETRY_ROWS, MAX_STATEMENT_EVENTS } from "../../src/limits.ts";
import { breakD1, holdD1, interceptInsertions, watchD1 } from "../d1-faults.ts";
import { delivered, events, inStorage, newUser, pendingOf, record, rowsOf, stateOf, userLog } from "../tracklog.ts";

env.RATE_LIMIT_BURST_EVENTS = "100000";

afterEach(() => {
  vi.restoreAllMocks();
});

/** Events with long names, whose keys soon fill the log's state. */
function longNamed(count: number, from: number) {
  return events(count, from, { event: "e".repeat(200) });
}

function packsOf(user: string): Promise<string[]> {
  return inStorage(user, ({ kv }) => [...kv.list({ prefix: "backlog:" })].map(([name]) => name));
}

/** Records so many events that packs are written. */
async function spill(user: string, requests: number) {
  for (let i = 0; i < requests; i++) await record(user, ...longNamed(100, 1 + i * 100));
}

function hasFailed(user: string) {
  return vi.waitUntil(() => inStorage(user, ({ kv }) => kv.get("failures") !== undefined), { timeout: 5_000 });
}

function rowsIn(parameter: string): unknown[][] {
  return JSON.parse(parameter) as unknown[][];
}

describe("while D1 is away for a long time", () => {
  it("keys are moved to packs, each written once, and are delivered in the order of the log", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await spill(user, 10);
    expect((await packsOf(user)).length).toBeGreaterThan(3);
    expect(JSON.stringify(await stateOf(user)).length).toBeLessThan(70_000);
    expect(await pendingOf(user)).toBe(1_000);
    await record(user, ...longNamed(1, 500).map((event) => ({ ...event, properties: { a: 1 } }))); // already in a pack
    await hasFailed(user);
    d1.restore();
    const watched = watchD1();
    await delivered(user, 15_000);
    const sent = watched.parameters.flatMap(rowsIn);
    const seqs = sent.map((row) => row[5] as number);
    expect(seqs.slice(0, -1)).toEqual(seqs.slice(0, -1).toSorted((a, b) => a - b));
    expect(new Set(seqs).size).toBe(1_000);
    expect((await rowsOf(user)).filter(({ revision }) => revision === 2)).toMatchObject([{ seq: 500 }]);
    expect(await packsOf(user)).toEqual([]);
    expect(await stateOf(user)).toMatchObject({ packs: { keys: 0 } });
  });

  it.for([1, 2, 3, 5, 8, 11])(
    "a crash at statement %i of the delivery loses nothing and does not restart it",
    { timeout: 30_000 },
    async (fatal, { expect }) => {
      const user = newUser();
      const d1 = breakD1();
      await spill(user, 12);
      await hasFailed(user);
      await evictDurableObject(userLog(user));
      expect(await pendingOf(user)).toBe(1_200);
      d1.restore();
      const held = holdD1(fatal % 2 ? "before" : "after", fatal);
      const run = runDurableObjectAlarm(userLog(user)).catch(() => {});
      await held.reached();
      await abortAllDurableObjects();
      held.release();
      await run;
      const again = watchD1();
      await runInDurableObject(userLog(user), (log) => log.alarm());
      await delivered(user, 15_000);
      const sent = [...held.parameters, ...again.parameters].reduce((sum, text) => sum + rowsIn(text).length, 0);
      expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual(
        Array.from({ length: 1_200 }, (_, i) => i + 1),
      );
      expect(sent).toBeLessThanOrEqual(1_200 + 3 * MAX_RETRY_ROWS); // at most a pack and a statement are sent twice
      expect(await packsOf(user)).toEqual([]);
    },
  );

  it("an erasure deletes the packs, and a late answer to the old log does not delete the new log's", async ({
    expect,
  }) => {
    const user = newUser();
    const d1 = breakD1();
    await spill(user, 3);
    await hasFailed(user);
    d1.restore();
    let insertions = 0;
    interceptInsertions(async (run) => {
      if (++insertions !== 2) return run(); // the second one ends the first pack
      await userLog(user).erase();
      await spill(user, 3); // these are the new log's, with the same names
      expect(await packsOf(user)).not.toEqual([]);
      return run();
    });
    await runDurableObjectAlarm(userLog(user));
    await delivered(user, 15_000);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(300), { timeout: 10_000 });
    const { generation } = (await stateOf(user))!;
    expect(new Set((await rowsOf(user)).map((row) => row["generation"] as number))).toEqual(new Set([generation]));
  });

  it("shipments are small after a failure, and large once D1 is back", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await record(user, ...events(250));
    await hasFailed(user);
    d1.restore();
    const watched = watchD1();
    await delivered(user);
    const sizes = () => watched.parameters.map((parameter) => rowsIn(parameter).length);
    expect(sizes()).toEqual([MAX_RETRY_ROWS, MAX_RETRY_ROWS, 50]);
    await record(user, ...events(MAX_STATEMENT_EVENTS, 1_000));
    await delivered(user);
    expect(sizes().at(-1)).toBe(MAX_STATEMENT_EVENTS);
  });
});
