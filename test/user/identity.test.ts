import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, it, vi } from "vitest";
import { MAX_MESSAGE_ID_CHARACTERS, MAX_REMEMBERED_VERSIONS, MAX_USER_ID_CHARACTERS } from "../../src/limits.ts";
import {
  anEvent,
  delivered,
  get,
  inStorage,
  newUser,
  record,
  rowsOf,
  timelineOf,
  track,
  tracked,
  userLog,
} from "../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const plan = (name: string | number) => ({ properties: { plan: name } });

describe("G4: a delayed retry of an older version", () => {
  it("is a duplicate, and does not undo newer versions", async ({ expect }) => {
    const user = newUser();
    const [free, pro] = ["free", "pro"].map((name) => anEvent({ user_id: user, ...plan(name) }));
    expect((await track(free)).body).toMatchObject({ status: "created", revision: 1 });
    expect((await track(pro)).body).toMatchObject({ status: "updated", revision: 2 });
    expect((await track(free)).body).toMatchObject({ status: "duplicate", revision: 2 });
    expect(await timelineOf(user)).toMatchObject([plan("pro")]);
  });

  it.for([
    ["the only event", 0],
    ["one of several", 2],
  ] as const)("is one for every version of %s, also after a crash", async ([, others], { expect }) => {
    const user = newUser();
    await record(user, plan(0), ...Array.from({ length: others }, (_, i) => ({ event: `other ${i}` })));
    for (let i = 1; i < 30; i++) expect(await record(user, plan(i))).toMatchObject([{ status: "updated" }]);
    await delivered(user);
    await abortAllDurableObjects();
    for (let i = 0; i < 30; i++)
      expect(await record(user, plan(i))).toMatchObject([{ status: "duplicate", revision: 30 }]);
    await evictDurableObject(userLog(user));
    expect(await record(user, plan(3))).toMatchObject([{ status: "duplicate" }]);
    expect(await record(user, plan("new"))).toMatchObject([{ status: "updated", revision: 31 }]);
  });

  it("is also recognised by its context", async ({ expect }) => {
    const user = newUser();
    const statuses = [];
    for (const page of [1, 2, 1, 3, 2])
      statuses.push((await record(user, { properties: { a: 1 }, context: { page } }))[0]!.status);
    expect(statuses).toEqual(["created", "updated", "duplicate", "updated", "duplicate"]);
  });

  it("is a duplicate whatever the edge adds to the context", async ({ expect }) => {
    const user = newUser();
    const from = (country: string, name: string) => ({ ...plan(name), enrichment: JSON.stringify({ country }) });
    const statuses = [];
    for (const event of [from("PT", "free"), from("ES", "free"), from("FR", "pro"), from("DE", "free")])
      statuses.push((await record(user, event))[0]!.status);
    expect(statuses).toEqual(["created", "duplicate", "updated", "duplicate"]);
    expect(await timelineOf(user)).toMatchObject([{ ...plan("pro"), context: { country: "PT" } }]);
  });

  it("is recognised unless there are too many versions, of which the oldest is dropped first", async ({ expect }) => {
    const user = newUser();
    const versions = Array.from({ length: MAX_REMEMBERED_VERSIONS + 1 }, (_, i) => plan(i));
    await record(user, { event: "other" }, ...versions.slice(0, 500));
    await record(user, ...versions.slice(500));
    const texts = await inStorage(user, ({ sql }) =>
      sql.exec<{ versions: string }>("SELECT versions FROM events WHERE versions IS NOT NULL").one(),
    );
    expect(texts.versions).toHaveLength(11 * MAX_REMEMBERED_VERSIONS);
    expect(await record(user, versions[1]!)).toMatchObject([{ status: "duplicate" }]);
    expect(await record(user, versions[0]!)).toMatchObject([{ status: "updated" }]);
  });
});

function message(timestamp: number, id = "m") {
  return { event: "e", messageId: id, timestamp, hasOwnTime: false };
}

describe("a message that has an id and no time of its own", () => {
  it("gets its first time again, also after a crash and within a request", async ({ expect }) => {
    const user = newUser();
    expect(await record(user, message(1), message(2))).toMatchObject([{ status: "created" }, { status: "duplicate" }]);
    await abortAllDurableObjects();
    expect(await record(user, message(3))).toMatchObject([{ status: "duplicate", seq: 1 }]);
    expect(await record(user, { ...message(4), properties: { a: 1 } })).toMatchObject([{ status: "updated", seq: 1 }]);
    expect(await record(user, message(5, "n"))).toMatchObject([{ status: "created", seq: 2 }]);
    expect(await record(user, { ...message(6), event: "f" })).toMatchObject([{ status: "created", seq: 3 }]);
    expect(await timelineOf(user)).toMatchObject([1, 5, 6].map((ms) => ({ timestamp: new Date(ms).toISOString() })));
  });

  it("differs from an event of the same id that has its own time", async ({ expect }) => {
    const user = newUser();
    await record(user, message(1));
    expect(await record(user, { ...message(2), hasOwnTime: true })).toMatchObject([{ status: "created" }]);
  });

  it("may have the longest id and name, and its time is deleted by an erasure", async ({ expect }) => {
    const user = newUser();
    const long = { ...message(1, "😀".repeat(MAX_MESSAGE_ID_CHARACTERS)), event: "😀".repeat(200) };
    await record(user, long);
    expect(await record(user, { ...long, timestamp: 2 })).toMatchObject([{ status: "duplicate" }]);
    await userLog(user).erase();
    expect(await inStorage(user, ({ kv }) => [...kv.list({ prefix: "time:" })])).toEqual([]);
    expect(await record(user, { ...long, timestamp: 3 })).toMatchObject([{ status: "created", seq: 1 }]);
  });
});

describe("a user's id", () => {
  it("is refused with the whole request if the log is another user's", async ({ expect }) => {
    const [user, other] = [newUser(), newUser()];
    await runInDurableObject(userLog(user), async (log) => {
      const events = [tracked({ userId: user }), tracked({ userId: other })];
      await expect(log.record(events, null)).rejects.toThrow("belongs to another user");
    });
    expect(await userLog(user).summary()).toBeNull();
  });

  it("may have 256 characters of four bytes, everywhere on its way", async ({ expect }) => {
    const longest = "😀".repeat(MAX_USER_ID_CHARACTERS); // no other test in this file uses it
    expect(new TextEncoder().encode(longest)).toHaveLength(4 * MAX_USER_ID_CHARACTERS);
    expect((await track(anEvent({ user_id: longest }))).body).toMatchObject({ status: "created" });
    await delivered(longest);
    await abortAllDurableObjects();
    expect((await track(anEvent({ user_id: longest, event: "again" }))).body).toMatchObject({
      status: "created",
      seq: 2,
    });
    expect((await get(`/users/${encodeURIComponent(longest)}`)).body).toMatchObject({ events: 2 });
    await delivered(longest);
    expect(await rowsOf(longest)).toHaveLength(2);
  });

  it("is stored in the log, for an object that is called by its id", async ({ expect }) => {
    const user = newUser();
    await record(user, {});
    expect(await inStorage(user, ({ kv }) => kv.get<{ userId: string }>("log")!.userId)).toBe(user);
  });
});
