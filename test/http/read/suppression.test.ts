import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, it, vi } from "vitest";
import { breakD1, holdD1 } from "../../d1-faults.ts";
import { anEvent, call, get, newUser, rowsOf, timelineOf, track, userLog } from "../../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const suppress = (user: string) => call("PUT", `/users/${user}/suppression`);
const unsuppress = (user: string) => call("DELETE", `/users/${user}/suppression`);
const isSuppressed = async (user: string) => (await get(`/users/${user}/suppression`)).body["suppressed"] as boolean;

function tablesOf(user: string) {
  return runInDurableObject(userLog(user), (_, { storage }) =>
    storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master")
      .toArray()
      .map(({ name }) => name),
  );
}

describe("a suppressed user", () => {
  it("is told so, and may be asked for", async ({ expect }) => {
    const user = newUser();
    for (const [method, suppressed] of [
      ["GET", false],
      ["PUT", true],
      ["GET", true],
      ["PUT", true],
      ["DELETE", false],
      ["GET", false],
      ["DELETE", false],
    ] as const) {
      const { status, body } = await call(method, `/users/${user}/suppression`);
      expect(status).toBe(200);
      expect(body).toEqual({ user_id: user, suppressed });
    }
  });

  it("has nothing stored, and the sender gets 200", async ({ expect }) => {
    const user = newUser();
    await suppress(user);
    const { status, body } = await track(anEvent({ user_id: user }));
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      status: "suppressed",
      event: "signed_up",
      user_id: user,
      timestamp: "2026-01-02T03:04:05.678Z",
    });
    expect((await get(`/users/${user}`)).status).toBe(404);
    expect((await get(`/users/${user}/events`)).status).toBe(404);
    expect(await tablesOf(user)).not.toContain("events");
    expect(await runDurableObjectAlarm(userLog(user))).toBe(false);
    await unsuppress(user);
    expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "created", seq: 1 });
  });

  it("is counted apart among several events, and refuses nobody else's", async ({ expect }) => {
    const [user, other] = [newUser(), newUser()];
    await suppress(user);
    const { status, body } = await track([
      anEvent({ user_id: user }),
      anEvent({ user_id: other }),
      {},
      anEvent({ user_id: user, timestamp: 5 }),
    ]);
    expect(status).toBe(207);
    expect(body).toMatchObject({
      success: false,
      created: 1,
      duplicates: 0,
      updated: 0,
      rejected: 1,
      suppressed: 2,
      results: [
        { index: 0, status: "suppressed" },
        { status: "created" },
        { status: "rejected" },
        { index: 3, status: "suppressed" },
      ],
    });
    const all = await track([anEvent({ user_id: user })]);
    expect(all.status).toBe(200);
    expect(all.body).toMatchObject({ success: true, suppressed: 1 });
    expect((await track([anEvent({ user_id: other })])).body).not.toHaveProperty("suppressed");
  });

  it("keeps what was stored before, and it still goes to D1", async ({ expect }) => {
    const user = newUser();
    const d1 = breakD1();
    await track(anEvent({ user_id: user, timestamp: 1 }));
    await suppress(user);
    expect((await track(anEvent({ user_id: user, timestamp: 1, properties: { a: 1 } }))).body).toMatchObject({
      status: "suppressed",
    });
    d1.restore();
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toMatchObject([{ seq: 1, revision: 1 }]);
    await unsuppress(user);
    expect((await track(anEvent({ user_id: user, timestamp: 2 }))).body).toMatchObject({ status: "created", seq: 2 });
  });

  it("while a flush is in flight loses nothing that was stored", async ({ expect }) => {
    const user = newUser();
    const flush = holdD1("before");
    await track(anEvent({ user_id: user }));
    await flush.reached();
    await suppress(user);
    expect((await track(anEvent({ user_id: user, timestamp: 5 }))).body).toMatchObject({ status: "suppressed" });
    flush.release();
    await vi.waitFor(async () => expect((await get(`/users/${user}`)).body).toMatchObject({ events: 1, pending: 0 }), {
      timeout: 5_000,
    });
    expect(await rowsOf(user)).toHaveLength(1);
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it("stays so through an erasure, an eviction and the end of the erasure", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await suppress(user);
    expect((await call("DELETE", `/users/${user}`)).body).toEqual({ erased: 1 });
    expect(await isSuppressed(user)).toBe(true);
    await evictDurableObject(userLog(user));
    await runDurableObjectAlarm(userLog(user)); // D1 has forgotten
    expect(await isSuppressed(user)).toBe(true);
    expect((await track(anEvent({ user_id: user }))).body).toMatchObject({ status: "suppressed" });

    await unsuppress(user); // with which the last storage is given back
    expect(await tablesOf(user)).toEqual([]);
  });

  it("may be let in again while D1 has still to forget", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await runDurableObjectAlarm(userLog(user));
    await suppress(user);
    const d1 = breakD1();
    await call("DELETE", `/users/${user}`);
    await unsuppress(user);
    d1.restore();
    await runDurableObjectAlarm(userLog(user));
    expect(await rowsOf(user)).toEqual([]); // the erasure was not forgotten with the suppression
  });
});
