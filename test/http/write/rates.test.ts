import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { anEvent, newUser, requestWith, rowsOf, timelineOf, track, userLog } from "../../tracklog.ts";

const NOW = Date.UTC(2026, 5, 1, 12);

// Date is one for the Worker, the user's object and the test; timers and alarms stay on the real clock.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

let sent = 0;

/** This many different events of a user. */
function events(user: string, count: number) {
  return Array.from({ length: count }, () => anEvent({ user_id: user, message_id: `m${++sent}` }));
}

/** Uses up a user's burst of 1,000, except `left`. */
async function exhaust(user: string, left = 0) {
  await track(events(user, 500));
  await track(events(user, 500 - left));
}

describe("a user's rate", () => {
  it("is a burst of 1,000, then 100 events a second", async ({ expect }) => {
    const user = newUser();
    await exhaust(user);
    const refused = await track(anEvent({ user_id: user }));
    expect(refused.status).toBe(429);
    expect(refused.headers.get("Retry-After")).toBe("1");
    expect(refused.headers.get("RateLimit-Policy")).toBe('"user";q=1000;w=10');
    expect(refused.headers.get("RateLimit")).toBe('"user";r=0;t=1');
    expect(refused.headers.get("Content-Type")).toBe("application/problem+json");
    expect(refused.body).toMatchObject({ success: false, title: "Too many events" });
    expect((await userLog(user).summary())?.events).toBe(1_000);

    vi.setSystemTime(NOW + 1_000);
    expect((await track(events(user, 101))).status).toBe(429);
    expect((await track(events(user, 100))).body).toMatchObject({ created: 100 });
    expect((await track(events(user, 1))).status).toBe(429);
  });

  it("says how long to wait, and takes the same request after that", async ({ expect }) => {
    const user = newUser();
    await exhaust(user);
    const batch = events(user, 250);
    const refused = await track(batch);
    expect(refused.headers.get("Retry-After")).toBe("3");
    vi.setSystemTime(NOW + 3_000);
    expect((await track(batch)).body).toMatchObject({ success: true, created: 250 });
  });

  it("splits no request: either all of a user's events are accepted, or none", async ({ expect }) => {
    const user = newUser();
    await exhaust(user, 10);
    expect((await track(events(user, 11))).status).toBe(429);
    expect((await userLog(user).summary())?.events).toBe(990);
    expect((await track(events(user, 10))).body).toMatchObject({ created: 10 }); // the refused eleven took no token
  });

  it("is separate: in a request of several users the others are recorded, and not twice", async ({ expect }) => {
    const [over, first, last] = [newUser(), newUser(), newUser()];
    await exhaust(over, 1);
    const batch = [events(first, 1), events(over, 2), events(last, 1), [{ event: "no user" }]].flat();
    const { status, headers, body } = await track(batch);
    expect(status).toBe(429);
    expect(headers.get("Retry-After")).toBe("1");
    expect(body).toMatchObject({ success: false, created: 2, rejected: 3 });
    expect(body["results"].map((result: { status: string }) => result.status)).toEqual([
      "created",
      "rejected",
      "rejected",
      "created",
      "rejected",
    ]);
    expect(await timelineOf(first)).toHaveLength(1);
    expect((await userLog(over).summary())?.events).toBe(999);

    vi.setSystemTime(NOW + 1_000);
    const again = await track(batch.slice(0, 4));
    expect(again.body).toMatchObject({ success: true, created: 2, duplicates: 2 });
  });

  it("asks for the longest wait of those that are over", async ({ expect }) => {
    const [little, much] = [newUser(), newUser()];
    await exhaust(little);
    await exhaust(much);
    for (const order of [
      [little, much],
      [much, little],
    ]) {
      const batch = order.flatMap((user) => events(user, user === much ? 400 : 50));
      expect((await track(batch)).headers.get("Retry-After")).toBe("4");
    }
  });

  it("outlives the object in memory, once its events are in D1", async ({ expect }) => {
    const user = newUser();
    await exhaust(user);
    await vi.waitFor(async () => expect((await userLog(user).summary())?.pending).toBe(0), { timeout: 5_000 });
    vi.setSystemTime(NOW); // waitFor moves a faked clock on
    await evictDurableObject(userLog(user));
    expect((await track(events(user, 1))).status).toBe(429);
    vi.setSystemTime(NOW + 1_000);
    expect((await track(events(user, 100))).status).toBe(200);
    expect((await track(events(user, 1))).status).toBe(429);
    expect(await rowsOf(user)).not.toHaveLength(0);
  });

  it("counts repeated events, too, which cost the same work", async ({ expect }) => {
    const user = newUser();
    const batch = events(user, 500);
    await track(batch);
    expect((await track(batch)).body).toMatchObject({ duplicates: 500 });
    expect((await track(batch)).status).toBe(429);
  });
});

describe("a key's rate", () => {
  const keys = { WRITE_KEYS: "web:k1", READ_KEYS: "team:k1" };
  const headers = { "x-api-key": "k1" };
  const refusing = { ...keys, KEY_RATE_LIMIT: { limit: async () => ({ success: false }) } };

  it("is refused with 429, and nothing is stored", async ({ expect }) => {
    const user = newUser();
    const init = { method: "POST", headers, body: JSON.stringify(anEvent({ user_id: user })) };
    const { status, headers: answered, body } = await requestWith(refusing, "/track", init);
    expect(status).toBe(429);
    expect(answered.get("Retry-After")).toBe("10");
    expect(answered.get("RateLimit-Policy")).toBe('"key";q=10000;w=10');
    expect(answered.get("RateLimit")).toBe('"key";r=0;t=10');
    expect(body).toMatchObject({ success: false, title: "Too many requests" });
    expect(await userLog(user).summary()).toBeNull();
    expect((await requestWith(refusing, `/users/${user}`, { headers })).status).toBe(429);
  });

  it("is not checked if nobody needs a key", async ({ expect }) => {
    const limit = vi.fn<() => Promise<{ success: boolean }>>(async () => ({ success: false }));
    const init = { method: "POST", body: JSON.stringify(anEvent({ user_id: newUser() })) };
    expect((await requestWith({ KEY_RATE_LIMIT: { limit } }, "/track", init)).status).toBe(200);
    expect(limit).not.toHaveBeenCalled();
  });

  it("is counted by kind and name, never for a wrong key, and not by the key itself", async ({ expect }) => {
    const counted: string[] = [];
    const settings = {
      WRITE_KEYS: "web:w1,web:w2,read:w3",
      READ_KEYS: "web:r1",
      KEY_RATE_LIMIT: { limit: async ({ key }: { key: string }) => ({ success: counted.push(key) > 0 }) },
    };
    for (const key of ["w1", "w2", "w3", "wrong"])
      await requestWith(settings, "/track", { method: "POST", headers: { "x-api-key": key } });
    await requestWith(settings, "/users/u", { headers: { "x-api-key": "r1" } });
    expect(counted).toEqual(["write:web", "write:web", "write:read", "read:web"]);
  });

  it("stops nobody while Cloudflare's counter fails", async ({ expect }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const settings = { ...keys, KEY_RATE_LIMIT: { limit: () => Promise.reject(new Error("away")) } };
    const init = { method: "POST", headers, body: JSON.stringify(anEvent({ user_id: newUser() })) };
    const { status, headers: answered } = await requestWith(settings, "/track", init);
    expect(status).toBe(200);
    expect(log.mock.calls.map(([line]) => JSON.parse(line as string))).toEqual([
      {
        level: "error",
        failure: "key_rate_limit_unavailable",
        cause: "Error: away",
        request_id: answered.get("X-Request-Id"),
      },
    ]);
  });

  it("is bound as wrangler.toml says", async ({ expect }) => {
    expect(await env.KEY_RATE_LIMIT.limit({ key: "test" })).toEqual({ success: true });
  });
});
