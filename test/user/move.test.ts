import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import {
  bindDatabases,
  found,
  numbered,
  setMode,
  settled,
  triesOf,
  unbindDatabases,
  updated,
  userInFirst,
} from "../several-databases.ts";
import { delivered, events, pendingOf, record, stateOf, userLog } from "../tracklog.ts";

env.RATE_LIMIT_BURST_EVENTS = "100000";

beforeEach(() => bindDatabases("DB_1"));
afterEach(() => unbindDatabases());

describe("a log whose database is closed", () => {
  it("continues in an open one with its next new event, and sends updates to where the events are", async ({
    expect,
  }) => {
    const user = await userInFirst(3);
    env.CLOSED_DATABASES = "DB";
    await record(user, ...updated(2), ...events(2, 4));
    await delivered(user);
    await record(user, ...updated(1), ...updated(4));
    await delivered(user);
    expect(await found("DB", user)).toEqual([
      [1, 2],
      [2, 2],
      [3, 1],
    ]);
    expect(await found("DB_1", user)).toEqual([
      [4, 2],
      [5, 1],
    ]);
  });

  it("stays as long as only updates arrive, and writes no additional row", async ({ expect }) => {
    const user = await userInFirst(2);
    env.CLOSED_DATABASES = "DB";
    await record(user, ...updated(1), ...events(1, 2));
    await delivered(user);
    expect((await stateOf(user))!.moved).toBeUndefined();
  });

  it("stays if no database is open", async ({ expect }) => {
    const user = await userInFirst(1);
    env.CLOSED_DATABASES = "DB,DB_1";
    await record(user, ...events(1, 2));
    await delivered(user);
    expect(await found("DB", user)).toEqual(numbered(1, 2));
  });

  it("only goes back to the first one if it has to, and not because that one opens again", async ({ expect }) => {
    const user = await userInFirst(1);
    env.CLOSED_DATABASES = "DB";
    await record(user, ...events(1, 2));
    env.CLOSED_DATABASES = "";
    await record(user, ...events(1, 3));
    env.CLOSED_DATABASES = "DB_1";
    await record(user, ...events(1, 4));
    await delivered(user);
    expect(await found("DB", user)).toEqual([...numbered(1, 1), ...numbered(4, 4)]);
    expect(await found("DB_1", user)).toEqual(numbered(2, 3));
    expect((await stateOf(user))!.moved!.stretches).toHaveLength(3);
  });

  it("moves with its second event, before it has a table", async ({ expect }) => {
    const user = await userInFirst(1);
    env.CLOSED_DATABASES = "DB";
    await record(user, ...updated(1));
    await record(user, ...events(1, 2));
    await delivered(user);
    expect(await found("DB", user)).toEqual([[1, 2]]);
    expect(await found("DB_1", user)).toEqual([[2, 1]]);
  });

  it.for(["DB", "DB_1"] as const)("delivers to the other one while %s is away", async (away, { expect }) => {
    const user = await userInFirst(2);
    env.CLOSED_DATABASES = "DB";
    await record(user, ...events(1, 3));
    await delivered(user);
    setMode(away, "away");
    await record(user, ...updated(1), ...updated(3));
    await vi.waitUntil(async () => (await pendingOf(user)) === 1);
    // This is long after the first failure, and there is no alarm.
    await record(user, ...updated(2), ...events(1, 4));
    const here = away === "DB" ? 2 : 2;
    await vi.waitUntil(async () => (await pendingOf(user)) === here);
    setMode(away, "ok");
    await settled(user);
    expect(await found("DB", user)).toEqual(numbered(1, 2, 2));
    expect(await found("DB_1", user)).toEqual([
      [3, 2],
      [4, 1],
    ]);
  });

  it("does not ask a database that is away more often because another one is busy", async ({ expect }) => {
    const user = await userInFirst(1);
    env.CLOSED_DATABASES = "DB";
    await record(user, ...events(1, 2));
    await delivered(user);
    setMode("DB", "lost");
    await record(user, ...events(1, 1, { properties: { a: 1 } }));
    for (let i = 0; i < 9; i++) await runDurableObjectAlarm(userLog(user)); // the next one is minutes away
    const before = triesOf("DB");
    await record(user, ...events(1, 3)); // this sets an earlier alarm
    await vi.waitFor(async () => expect(await found("DB_1", user)).toHaveLength(2));
    await runDurableObjectAlarm(userLog(user));
    expect(await found("DB_1", user)).toEqual(numbered(2, 3));
    expect(triesOf("DB")).toBe(before);
  });
});
