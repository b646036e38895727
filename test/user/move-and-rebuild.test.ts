import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { archiveBucket } from "../../src/archive/bucket.ts";
import { EVENT_ROW_VERSION } from "../../src/d1/event-row.ts";
import { writerOf } from "../../src/d1/writer-of.ts";
import {
  bindDatabases,
  found,
  paceBatches,
  rebuilt,
  setMode,
  settled,
  unbindDatabases,
  userInFirst,
  whereabouts,
} from "../several-databases.ts";
import { call, delivered, events, record, stateOf, userLog } from "../tracklog.ts";

// What happens if a rebuild meets a move or an erasure of the same log.

beforeEach(() => bindDatabases("DB_1"));
afterEach(() => unbindDatabases());

describe("a log that is being sent again", () => {
  it("brings back no events that are moving just then", async ({ expect }) => {
    const user = await userInFirst(2);
    setMode("DB", "full");
    let [turns, isAsked] = [0, false];
    const goesOn = { value: false };
    paceBatches(async () => {
      // The first two turns are those of the insertion, the next two those of the question what DB has.
      if (++turns !== 4) return;
      isAsked = true;
      while (!goesOn.value) await scheduler.wait(5);
    });
    await record(user, ...events(1, 3));
    await vi.waitUntil(() => isAsked);
    setMode("DB", "ok");
    const rebuilding = ["DB", "DB_1"].map((name) => userLog(user).redeliver(name, null));
    await scheduler.wait(50);
    goesOn.value = true;
    for (const redelivered of await Promise.all(rebuilding)) expect(redelivered.ok).toBe(false);
    await settled(user);
    await rebuilt("DB");
    await rebuilt("DB_1");
    const { log, d1 } = await whereabouts(user);
    expect(d1).toBe(log);
    expect(await found("DB_1", user)).toEqual([[3, 1]]);
  });

  it("leaves its user in no directory if it is erased just then", async ({ expect }) => {
    const user = await userInFirst(3);
    env.CLOSED_DATABASES = "DB";
    await record(user, ...events(2, 4));
    await delivered(user);
    const { generation } = (await stateOf(user))!;
    const archive = archiveBucket(env);
    Reflect.deleteProperty(env, "ARCHIVE"); // with an archive, the directory is told later
    try {
      let turns = 0;
      const goesOn = { value: false };
      paceBatches(async () => {
        // The first turn is that of the removal of leftovers. The insertion follows.
        if (++turns === 1) while (!goesOn.value) await scheduler.wait(5);
      });
      const sending = userLog(user).redeliver("DB", null);
      await vi.waitUntil(() => turns === 1);
      await call("DELETE", `/users/${user}`);
      await vi.waitUntil(() => turns > 1); // DB_1 has been told
      await scheduler.wait(50);
      goesOn.value = true;
      expect(await sending).toMatchObject({ ok: true, events: 3 });
      await vi.waitUntil(async () => (await userLog(user).erasure())[0]!.doneAt !== null, 5_000);
    } finally {
      Object.assign(env, { ARCHIVE: archive });
    }
    const kept = () =>
      runInDurableObject(env.D1_WRITER.getByName("DB#0"), (_, { storage }) =>
        ["users", "moves", "waiting"].map(
          (table) => [...storage.sql.exec(`SELECT 1 FROM ${table} WHERE user_id = ?`, user)].length,
        ),
      );
    expect(await kept()).toEqual([0, 0, 0]);
    const late = { version: EVENT_ROW_VERSION, userId: user, generation, moves: 9, lacking: 1, since: null };
    setMode("DB", "away");
    expect(await writerOf(env, "DB", user).insert({ ...late, rows: ["[]"] })).toMatchObject({ ok: false });
    expect(await kept()).toEqual([0, 0, 0]);
  });
});
