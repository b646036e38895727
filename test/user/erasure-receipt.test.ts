import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { archiveBucket } from "../../src/archive/bucket.ts";
import { ERASURE_RECEIPT_MS } from "../../src/limits.ts";
import type { UserLog } from "../../src/user/user-log.ts";
import { breakD1 } from "../d1-faults.ts";
import { type Answer, call, delivered, events, get, newUser, record, userLog } from "../tracklog.ts";

env.D1_DAYS = "30";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function receiptOf(user: string): Promise<Answer[]> {
  const { body } = await get(`/users/${user}/erasure`);
  return body["erasures"] as Answer[];
}

function done(user: string) {
  return vi.waitFor(async () => {
    const [erasure] = await receiptOf(user);
    if (erasure!["done_at"] === null) throw new Error(`still ${JSON.stringify(erasure!["databases"])}`);
    return erasure!;
  }, 10_000);
}

/** All objects of the archive that contain the user's id. */
async function archivedFilesWith(user: string): Promise<string[]> {
  const bucket = archiveBucket(env)!;
  const { objects } = await bucket.list();
  const found = await Promise.all(
    objects.map(async ({ key }) => [key, await (await bucket.get(key))!.text()] as const),
  );
  return found.filter(([, text]) => text.includes(user)).map(([key]) => key);
}

describe("an erasure's receipt", () => {
  it("says how much was erased and where, and that it is done everywhere", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(3));
    await delivered(user);
    const { body } = await call("DELETE", `/users/${user}`);
    expect(body).toMatchObject({ user_id: user, erased: 3, erasures: [{ events: 3, done_at: null }] });
    expect(body["erasures"]).toMatchObject([{ databases: [{ database: "DB", events: 3 }] }]);
    const erasure = await done(user);
    expect(Date.parse(erasure["done_at"] as string)).toBeGreaterThanOrEqual(Date.parse(erasure["erased_at"] as string));
  });

  it("says that D1 is not done while it is away", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await delivered(user);
    const d1 = breakD1();
    await call("DELETE", `/users/${user}`);
    expect(await receiptOf(user)).toMatchObject([{ databases: [{ stage: "d1" }], done_at: null }]);
    d1.restore();
    await runInDurableObject(userLog(user), (log: UserLog) => log.alarm());
    await done(user);
  });

  it("is shown again by a second DELETE if the first answer was lost", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(2));
    await call("DELETE", `/users/${user}`);
    const { body } = await call("DELETE", `/users/${user}`);
    expect(body).toMatchObject({ erased: 0, erasures: [{ events: 2 }] });
  });

  it("is kept for thirty days, after which nothing of the user is left", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(1));
    await call("DELETE", `/users/${user}`);
    await done(user);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ERASURE_RECEIPT_MS - 60_000 });
    await runInDurableObject(userLog(user), (log: UserLog) => log.alarm());
    expect(await receiptOf(user)).toHaveLength(1);
    vi.setSystemTime(Date.now() + 120_000);
    await runInDurableObject(userLog(user), (log: UserLog) => log.alarm());
    expect((await get(`/users/${user}/erasure`)).status).toBe(404);
    const left = await runInDurableObject(userLog(user), (_, { storage }) => [...storage.kv.list()]);
    expect(left).toEqual([]);
  });

  it("covers the archive, in which no byte of the user is left", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(2));
    await delivered(user);
    await env.DB.prepare("UPDATE events SET written_at = 0").run();
    await env.ARCHIVER.getByName("DB").run();
    expect(await archivedFilesWith(user)).toHaveLength(1);
    await call("DELETE", `/users/${user}`);
    expect(await done(user)).toMatchObject({ databases: [{ archived_files: 1 }] });
    expect(await archivedFilesWith(user)).toEqual([]);
  });

  it("is 404 for a user for whom nothing was erased", async ({ expect }) => {
    expect((await get(`/users/${newUser()}/erasure`)).status).toBe(404);
  });
});
