import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { coldCutoff } from "../../src/archive/cold-cutoff.ts";
import { enforceRetention } from "../../src/d1/enforce-retention.ts";
import { DAY_MS, floorTo, HOUR_MS } from "../../src/d1/hour.ts";
import { rollUp } from "../../src/stats/roll-up.ts";
import { rebuildDatabase } from "../../src/user/rebuild-database.ts";
import { emptyCounters } from "../stats/counters-in-d1.ts";
import { type Answer, anEvent, delivered, get, newUser, record, rowsOf, timelineOf, track } from "../tracklog.ts";

const { ARCHIVE } = env as Env & { ARCHIVE?: R2Bucket };

let user: string;
beforeEach(async () => {
  user = newUser();
  await emptyCounters(env.DB);
  Object.assign(env, { ARCHIVE: undefined, D1_DAYS: "7" });
});
afterEach(() => {
  Object.assign(env, { ARCHIVE, D1_DAYS: "" });
  vi.useRealTimers();
});

/** Lets time pass, and runs the cron as often as necessary. */
async function pass(days: number): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Math.floor((Date.now() + days * DAY_MS) / DAY_MS) * DAY_MS });
  await rollUp(env, Date.now);
  await enforceRetention(env, Date.now, coldCutoff(env, Date.now()));
}

const seqs = async () => (await rowsOf(user)).map(({ seq }) => seq as number);

async function counted(): Promise<Answer[]> {
  return (await env.DB.prepare("SELECT hour, event, events FROM hourly ORDER BY hour").all<Answer>()).results;
}

describe("D1_DAYS without an archive", () => {
  it("removes counted rows from D1 that the log keeps, and ends cursors that are before them", async ({ expect }) => {
    await record(user, { timestamp: Date.now() - 3_600_000 }, { timestamp: Date.now() + 20 * 3_600_000 });
    await delivered(user);
    const cursor = (await get("/events?limit=1")).body["next_cursor"] as string;
    await pass(5);
    expect(await seqs()).toEqual([1, 2]);
    await pass(5);
    await track(anEvent({ user_id: user, timestamp: Date.now() }));
    await delivered(user);
    await pass(1);
    expect(await seqs()).toEqual([3]);
    expect(await timelineOf(user)).toHaveLength(3);
    expect((await counted()).reduce((sum, { events }) => sum + (events as number), 0)).toBe(3);
    expect((await get(`/events?after=${cursor}`)).body).toMatchObject({ code: "cursor_gone", status: 410 });
    expect((await get("/events")).body["events"]).toMatchObject([{ seq: 3 }]);
  });

  it("keeps late events as long as others, for the readers of the feed", async ({ expect }) => {
    const cursor = (await get("/events")).body["next_cursor"] as string;
    await record(user, { timestamp: Date.now() - 100 * DAY_MS });
    await delivered(user);
    await pass(6);
    expect((await get(`/events?after=${cursor}`)).body["events"]).toMatchObject([{ seq: 1 }]);
    await pass(3);
    expect(await seqs()).toEqual([]);
  });

  it.for(["before", "while"])("waits for an hour in which an event arrived %s it runs", async (when, { expect }) => {
    const hour = floorTo(HOUR_MS, Date.now() - HOUR_MS);
    await record(user, { timestamp: hour });
    await delivered(user);
    await rollUp(env, Date.now);
    const comes = env.DB.prepare("INSERT INTO stale_hours (hour) VALUES (?)").bind(hour);
    if (when === "before") await comes.run();
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 20 * DAY_MS });
    let came: Promise<unknown> = Promise.resolve();
    const prepare = (sql: string) => {
      if (when === "while" && sql.startsWith("DELETE FROM feed")) came = comes.run();
      return env.DB.prepare(sql);
    };
    const DB = Object.assign(Object.create(env.DB) as D1Database, { prepare });
    await enforceRetention({ ...env, DB }, Date.now, coldCutoff(env, Date.now()));
    await came;
    expect(await seqs()).toEqual([1]);
    await pass(0);
    expect(await seqs()).toEqual([]);
  });

  it("waits for events that have not been counted for a long time", async ({ expect }) => {
    await record(user, { timestamp: Date.now() - HOUR_MS });
    await delivered(user);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 20 * DAY_MS });
    await enforceRetention(env, Date.now, coldCutoff(env, Date.now()));
    expect(await seqs()).toEqual([1]);
    await pass(0);
    expect(await seqs()).toEqual([]);
    expect(await counted()).toMatchObject([{ events: 1 }]);
  });

  it("is not undone by a rebuild, which does not change the counters of removed events", async ({ expect }) => {
    await record(user, { timestamp: Date.now() - 3_600_000 });
    await delivered(user);
    await pass(20);
    await record(user, { timestamp: Date.now() - 3_600_000 }, { timestamp: Date.now() - 2 * DAY_MS });
    await delivered(user);
    const before = await counted();
    await env.DB.prepare("DELETE FROM events").run();
    const { rebuild } = await rebuildDatabase(env, "DB", { restart: true, clock: Date.now, until: Infinity });
    expect(rebuild).toMatchObject({ stage: "done", events: 2 });
    expect(new Set(await seqs())).toEqual(new Set([2, 3]));
    // A late event in an hour that has left D1 is added, and the events that had left still count.
    await record(user, { timestamp: before[0]!["hour"] as number });
    await delivered(user);
    await pass(0);
    expect((await counted())[0]).toEqual({ ...before[0]!, events: (before[0]!["events"] as number) + 1 });
  });

  it("covers whole days, and does nothing with an archive or without the setting", ({ expect }) => {
    const now = Date.UTC(2026, 5, 20, 12);
    expect(coldCutoff(env, now)).toBe(Date.UTC(2026, 5, 13));
    expect(coldCutoff({ ...env, D1_DAYS: "" }, now)).toBe(0);
    expect(coldCutoff({ ...env, ARCHIVE } as unknown as Env, now)).toBe(0);
  });
});

describe("a rebuild that was stopped half-way", () => {
  it("starts again if the database was lost or restored once more", async ({ expect }) => {
    await record(user, { timestamp: Date.now() });
    await delivered(user);
    let asked = 0;
    // It goes on until all users are delivered, but not to its end.
    const first = await rebuildDatabase(env, "DB", { restart: true, clock: () => asked++, until: 6 });
    expect(first.rebuild.stage).not.toBe("done");
    await env.DB.batch([
      env.DB.prepare("DELETE FROM events"),
      env.DB.prepare("UPDATE incarnation SET name = 'that of a copy'"),
    ]);
    const { rebuild } = await rebuildDatabase(env, "DB", { restart: false, clock: Date.now, until: Infinity });
    expect(rebuild).toMatchObject({ stage: "done" });
    expect(await seqs()).toEqual([1]);
  });
});
