import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { enforceRetention } from "../../src/d1/enforce-retention.ts";
import { raiseFeedFloor } from "../../src/d1/erase-events.ts";
import { encodeEventRow } from "../../src/d1/event-row.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { newUser, rowsOf } from "../tracklog.ts";

const NOW = Date.UTC(2026, 0, 31);
const DAY_MS = 24 * 60 * 60 * 1000;

/** Puts events into D1 that happened so many days before NOW, in this order. */
async function insertAged(user: string, ages: number[]): Promise<void> {
  const rows = ages.map((days, i) =>
    encodeEventRow({
      user_id: user,
      generation: 1,
      seq: i + 1,
      revision: 1,
      event: "aged",
      timestamp: NOW - days * DAY_MS,
      message_id: null,
      properties: "{}",
      context: "{}",
      received_at: NOW,
      source: null,
    }),
  );
  await insertEvents(env.DB, rows);
}

const seqsOf = async (user: string) => (await rowsOf(user)).map((row) => row["seq"]);

describe("retention", () => {
  it("is off unless RETENTION_DAYS says otherwise", async ({ expect }) => {
    const user = newUser();
    await insertAged(user, [4000]);
    await enforceRetention({ ...env, RETENTION_DAYS: "" }, NOW);
    await enforceRetention({ ...env, RETENTION_DAYS: "never" }, NOW);
    expect(await seqsOf(user)).toEqual([1]);
  });

  it("removes what happened longer ago, and keeps the rest", async ({ expect }) => {
    const user = newUser();
    await insertAged(user, [40, 31, 30, 29, 0]);
    await enforceRetention({ ...env, RETENTION_DAYS: "30" }, NOW);
    expect(await seqsOf(user)).toEqual([3, 4, 5]); // exactly thirty days is not longer than thirty days
  });

  it("removes more than one chunk in a run", async ({ expect }) => {
    const user = newUser();
    for (let batch = 0; batch < 6; batch++) {
      const rows = Array.from({ length: 1000 }, (_, i) => [
        user,
        1,
        batch * 1000 + i + 1,
        1,
        "e",
        1,
        null,
        "{}",
        "{}",
        1,
        null,
      ]);
      await insertEvents(
        env.DB,
        rows.map((row) => JSON.stringify(row)),
      );
    }
    await enforceRetention({ ...env, RETENTION_DAYS: "30" }, NOW);
    expect(await rowsOf(user)).toHaveLength(0);
  });

  it("does not give a removed row's position out again, since a reader may stand there", async ({ expect }) => {
    const [gone, later] = [newUser(), newUser()];
    await insertAged(gone, [40]);
    const [before] = await rowsOf(gone);
    await enforceRetention({ ...env, RETENTION_DAYS: "30" }, NOW);
    await insertAged(later, [0]);
    expect(await rowsOf(gone)).toHaveLength(0);
    expect((await rowsOf(later))[0]!["position"]).toBeGreaterThan(before!["position"] as number);
  });

  it("goes on with the other databases where one is down", async ({ expect }) => {
    const user = newUser();
    await insertAged(user, [40]);
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const broken = { prepare: () => ({ bind: () => ({}) }), batch: () => Promise.reject(new Error("D1 is away")) };
    await enforceRetention(
      { ...env, DB: broken as unknown as D1Database, DB_1: env.DB, RETENTION_DAYS: "30" } as Env,
      NOW,
    );
    expect(log).toHaveBeenCalledOnce();
    log.mockRestore();
    expect(await rowsOf(user)).toHaveLength(0);
  });

  it("keeps the floor of the feed in one row", async ({ expect }) => {
    await raiseFeedFloor(env.DB).run();
    await raiseFeedFloor(env.DB).run();
    expect(await env.DB.prepare("SELECT count(*) AS n FROM feed_floor").first("n")).toBe(1);
  });
});
