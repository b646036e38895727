import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { incarnationOf } from "../../src/d1/incarnation.ts";
import { newRebuild } from "../../src/d1/rebuild.ts";
import { writerOfLane } from "../../src/d1/writer-of.ts";
import { REBUILD_PAGE_USERS } from "../../src/limits.ts";
import { rebuildDatabase } from "../../src/user/rebuild-database.ts";
import { call, delivered, get, newUser, record, rowsOf } from "../tracklog.ts";

env.D1_DAYS = "30";

describe("rebuilding a database that has an archive", () => {
  it("leaves out the rows that the archive has, and restores the rest", async ({ expect }) => {
    const user = newUser();
    await record(user, { timestamp: Date.parse("2024-01-02") }, { timestamp: Date.now() });
    await delivered(user);
    await env.DB.prepare("UPDATE events SET written_at = 0").run();
    await env.ARCHIVER.getByName("DB").run();
    expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual([2]);
    await env.DB.prepare("DELETE FROM events").run();

    const { rebuild } = await rebuildDatabase(env, "DB", { restart: true, clock: () => Date.now(), until: Infinity });
    expect(rebuild).toMatchObject({ stage: "done", events: 2 });
    expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual([2]);
  });

  it("removes archived rows meanwhile if the logs have more than fits into the database", async ({ expect }) => {
    const users = Array.from({ length: REBUILD_PAGE_USERS + 5 }, newUser);
    for (const user of users) await record(user, { timestamp: Date.parse("2024-01-02") }, { timestamp: Date.now() });
    for (const user of users) await delivered(user);
    await env.DB.prepare("UPDATE events SET written_at = 0 WHERE seq = 1").run();
    await env.ARCHIVER.getByName("DB").run();
    await env.DB.prepare("DELETE FROM events").run();
    const writer = writerOfLane(env, "DB", 0);
    const incarnation = (await incarnationOf(env.DB))!;
    await writer.saveRebuild({ ...newRebuild(Date.now(), incarnation), clearAtBytes: 1 });

    const stages: string[] = [];
    for (let stage = ""; stage !== "done";) {
      const { rebuild } = await rebuildDatabase(env, "DB", { restart: false, clock: steps(), until: 1 });
      ({ stage } = rebuild);
      stages.push(stage);
      // The rows that the archive has are removed before more users are sent.
      if (stages.at(-2) === "archive" && stage === "users")
        expect(await env.DB.prepare("SELECT count(*) AS n FROM events WHERE seq = 1").first("n")).toBe(0);
    }
    const changes = stages.filter((stage, index) => stage !== stages[index - 1]);
    expect(changes).toEqual(["erasures", "users", "archive", "users", "archive", "done"].slice(-changes.length));
    const { results } = await env.DB.prepare("SELECT seq, count(*) AS n FROM events GROUP BY seq").all();
    expect(results).toEqual([{ seq: 2, n: expect.any(Number) as number }]);
    for (const user of users) expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual([2]);
  });

  it("counts no longer what sealed hours kept of an erased user", async ({ expect }) => {
    const user = newUser();
    const timestamp = Date.now() - 100 * 24 * 60 * 60 * 1000;
    await record(user, { timestamp, event: user });
    await delivered(user);
    await env.DB.prepare("UPDATE events SET written_at = 0").run();
    await env.DB.prepare("UPDATE feed SET written_at = 0").run();
    await call("POST", "/archive/run");
    const counted = async () =>
      (await get(`/stats?by=event&event=${user}&from=${timestamp - 1}&to=${timestamp + 1}`)).body;
    expect(await rowsOf(user)).toEqual([]);
    expect(await counted()).toMatchObject({ rows: [{ events: 1 }] });
    await call("DELETE", `/users/${user}`);
    await vi.waitUntil(async () =>
      JSON.stringify((await get(`/users/${user}/erasure`)).body).includes('"stage":"done"'),
    );
    await call("POST", "/archive/run"); // counts as well, and takes the hour for done
    expect(await counted()).toMatchObject({ rows: [{ events: 1 }] });

    await rebuildDatabase(env, "DB", { restart: true, clock: () => Date.now(), until: Infinity });
    expect(await counted()).toMatchObject({ rows: [] });
  });
});

/** A clock that allows one step. */
function steps(): () => number {
  let now = 0;
  return () => now++;
}
