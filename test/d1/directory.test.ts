import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import type { D1Writer } from "../../src/d1/d1-writer.ts";
import { callUponWaiting } from "../../src/user/call-upon-waiting.ts";
import { anEvent, call, newUser, rowsOf, track } from "../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

function writer() {
  return env.D1_WRITER.getByName("DB#0");
}

/** What the writer has on disk, regardless of its memory. */
function stored<T extends Record<string, SqlStorageValue>>(query: string, ...values: string[]): Promise<T[]> {
  return runInDurableObject(writer(), (_: D1Writer, { storage }) => storage.sql.exec<T>(query, ...values).toArray());
}

async function isListed(user: string): Promise<boolean> {
  return (await stored("SELECT 1 FROM users WHERE user_id = ?", user)).length === 1;
}

async function written(): Promise<number> {
  const [row] = await stored<{ changes: number }>("SELECT total_changes() AS changes");
  return row!.changes;
}

describe("the directory of a database's users", () => {
  it("has a user before D1 has the user's first event", async ({ expect }) => {
    const user = newUser();
    let wasListed: boolean | undefined;
    const batch = env.DB.batch.bind(env.DB);
    vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
      wasListed ??= await isListed(user);
      return batch(statements);
    });
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), 10_000);
    expect(wasListed).toBe(true);
  });

  it("writes a row for a user's first event, and none for the next", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), 10_000);
    const before = await written();
    await track(anEvent({ user_id: user, timestamp: 1 }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), 10_000);
    expect(await written()).toBe(before);
  });

  it("survives a crash of all objects", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), 10_000);
    await abortAllDurableObjects();
    expect(await isListed(user)).toBe(true);
  });

  it("knows which users wait for D1, since when and with how many events, until D1 is back", async ({ expect }) => {
    const user = newUser();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const d1 = vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("D1_ERROR: D1 is away"));
    const began = Date.now();
    await track([anEvent({ user_id: user }), anEvent({ user_id: user, timestamp: 1 })]);
    const query = "SELECT since, events FROM waiting WHERE user_id = ?";
    await vi.waitFor(async () => expect(await stored(query, user)).toMatchObject([{ events: 2 }]), 10_000);
    const [waiting] = await stored<{ since: number }>(query, user);
    expect(waiting!.since).toBeGreaterThanOrEqual(began);
    expect((await writer().status()).waiting).toMatchObject({ users: 1, events: 2, oldest: waiting!.since });
    expect(await writer().longestWaiting(Date.now() + 1, 10)).toEqual([user]);

    d1.mockRestore();
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), 10_000);
    await vi.waitFor(async () => expect(await stored(query, user)).toEqual([]), 10_000);
  });

  it("makes the cron wake a log whose alarm is lost", async ({ expect }) => {
    const user = newUser();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const d1 = vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("Exceeded maximum DB size"));
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => expect((await writer().status()).waiting.users).toBe(1), 10_000);
    await runInDurableObject(env.USER_LOG.getByName(user), (_, { storage }) => storage.deleteAlarm());
    d1.mockRestore();
    await callUponWaiting(env, Date.now() + 24 * 60 * 60 * 1000);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), 10_000);
  });

  it("removes an erased user when D1 has deleted the events, and keeps the erasure", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), 10_000);
    await call("DELETE", `/users/${user}`);
    await vi.waitFor(async () => expect(await isListed(user)).toBe(false), 10_000);
    expect(await rowsOf(user)).toEqual([]);
    expect(await stored("SELECT 1 FROM erased WHERE user_id = ?", user)).toHaveLength(1);
  });

  it("keeps an erased user who has begun a new log before D1 had deleted the old one", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), 10_000);
    vi.spyOn(console, "error").mockImplementation(() => {});
    const d1 = vi.spyOn(env.DB, "batch").mockRejectedValueOnce(new Error("D1_ERROR: D1 is away"));
    await call("DELETE", `/users/${user}`);
    await track(anEvent({ user_id: user, timestamp: 2 }));
    await vi.waitFor(async () => expect((await rowsOf(user)).map((row) => row["timestamp"])).toEqual([2_000]), 10_000);
    d1.mockRestore();
    expect(await isListed(user)).toBe(true);
  });
});
