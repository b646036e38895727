import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { FLOOR_TIMEOUT_MS, MAX_PAGE_BYTES } from "../../src/limits.ts";
import { raiseFloor } from "../../src/user/retention-floor.ts";
import { ValueStore } from "../../src/user/stored-values.ts";
import { alarmOf, delivered, events, inStorage, newUser, record, userLog } from "../tracklog.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("a log", () => {
  // The first test, since an isolate remembers the floor.
  it("takes what has just happened without asking how far the retention has come", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(env.D1_WRITER, "getByName").mockImplementation(() => {
      throw new Error("nobody answers");
    });
    const timestamp = Date.now();
    expect(await record(newUser(), { timestamp })).toMatchObject([{ status: "created" }]);
  });

  it("that lacks nothing is not woken up again by being called upon", async ({ expect }) => {
    const user = newUser();
    await userLog(user).deliver("DB");
    expect(await alarmOf(user)).toBeNull();
    await record(user, ...events(1));
    await delivered(user);
    await inStorage(user, (storage) => storage.deleteAlarm());
    await userLog(user).deliver("DB");
    expect(await alarmOf(user)).toBeNull();
  });

  it("leaves nothing of a suppression that is over", async ({ expect }) => {
    const user = newUser();
    const keys = () => inStorage(user, ({ kv, sql }) => [[...kv.list()], sql.databaseSize] as const);
    const [, empty] = await keys();
    await userLog(user).setSuppressed(true);
    expect((await keys())[0]).toEqual([["suppressed", true]]);
    await userLog(user).setSuppressed(false);
    expect(await keys()).toEqual([[], empty]);
  });

  it("shows pages of a bounded size", async ({ expect }) => {
    const user = newUser();
    const text = "x".repeat(MAX_PAGE_BYTES / 20);
    for (let i = 0; i < 3; i++) await record(user, ...events(8, 1 + 8 * i, { properties: { text } }));
    const page = (await userLog(user).timeline({ order: "asc", limit: 100 }))!;
    expect(page.events).toHaveLength(19);
    const rest = (await userLog(user).timeline({ order: "asc", limit: 100, after: page.next! }))!;
    expect(rest.events.map(({ seq }) => seq)).toEqual([20, 21, 22, 23, 24]);
    expect(rest.next).toBeNull();
  });
});

describe("times of messages", () => {
  it("are forgotten some at a time, the old ones alone", async ({ expect }) => {
    await runInDurableObject(userLog(newUser()), (_, { storage }) => {
      const values = new ValueStore(storage);
      for (let i = 0; i < 6; i++) values.put(`time:e\0${i}`, i % 2 === 0 ? i : 100);
      expect(values.deleteTimesBefore(4, 1)).toBe(1);
      expect(values.deleteTimesBefore(5, 9)).toBe(2);
      expect(values.deleteTimesBefore(5, 9)).toBe(0);
      expect([...storage.kv.list({ prefix: "time:" })]).toHaveLength(3);
    });
  });
});

describe("the keeper of the retention's floor", () => {
  it("is not waited for without end", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const hanging = { getByName: () => ({ raiseRetentionFloor: () => new Promise(() => {}) }) };
    const raised = raiseFloor({ ...env, D1_WRITER: hanging } as unknown as Env, Date.now());
    const reason = raised.then(() => "", String);
    await vi.advanceTimersByTimeAsync(FLOOR_TIMEOUT_MS);
    expect(await reason).toBe("Error: The keeper of the retention floor did not answer");
  });
});
