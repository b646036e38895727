import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { removeOldRejections } from "../../../src/d1/rejections/remove-rejections.ts";
import { MAX_EVENT_NAME_CHARACTERS } from "../../../src/limits.ts";
import { anEvent, type Answer, get, newUser, requestWith, timelineOf, track } from "../../tracklog.ts";

const KEEP = { KEEP_REJECTED_BODIES: "true" };

/** An event name that no other test has, so that its rejections are found. */
function newName(): string {
  return `event-${crypto.randomUUID()}`;
}

/** Waits until this many rejections of an event are kept, which are stored after the requests. */
async function kept(event: string, count: number): Promise<Answer[]> {
  return vi.waitFor(
    async () => {
      const { body } = await get(`/rejections?event=${event}`);
      if (body["rejections"].length !== count) throw new Error(`${body["rejections"].length} instead of ${count}`);
      return body["rejections"] as Answer[];
    },
    { timeout: 10_000, interval: 100 },
  );
}

function post(path: string, body: unknown, settings: Partial<Env> = {}, headers: Record<string, string> = {}) {
  return requestWith(settings, path, { method: "POST", body: JSON.stringify(body), headers });
}

/** Rejects an event for a reason that goes away: its time is too far ahead, until the clock gets there. */
async function rejectAhead(event: string, user: string) {
  const timestamp = new Date(Date.now() + 25 * 60 * 60 * 1000).toISOString();
  await post(
    "/track",
    anEvent({ event, user_id: user, timestamp, properties: { a: 1 } }),
    {
      ...KEEP,
      WRITE_KEYS: "app:k1",
    },
    { Authorization: "Bearer k1" },
  );
  return { timestamp, rejection: (await kept(event, 1))[0]! };
}

describe("what was refused", () => {
  it("is kept with its faults, and without anything that identifies the user", async ({ expect }) => {
    const event = newName();
    await track([anEvent({ event, user_id: "ann@example.com", properties: ["secret"], timestamp: "never" })]);
    const [rejection] = await kept(event, 1);
    expect(rejection).toEqual({
      id: expect.any(Number),
      received_at: expect.stringMatching(/^20/),
      reason: expect.stringContaining("/properties must be an object"),
      event,
      key: null,
      path: "/track",
      errors: [
        { pointer: "/properties", detail: expect.any(String) },
        { pointer: "/timestamp", detail: expect.any(String) },
      ],
    });
    const { results } = await env.DB.prepare("SELECT * FROM rejections").all();
    expect(JSON.stringify(results)).not.toMatch(/ann@|secret/);
  });

  it("is counted exactly, though only some of each reason are kept", async ({ expect }) => {
    const event = newName();
    await track(Array.from({ length: 60 }, () => anEvent({ event, message_id: 1 })));
    await track(Array.from({ length: 40 }, () => anEvent({ event, message_id: 1 })));
    const reason = await vi.waitFor(
      async () => {
        const { body } = await get("/rejections/reasons");
        const found = (body["reasons"] as Answer[]).find(({ reason: text }) => text.startsWith("/message_id"))!;
        expect(found["events"]).toContainEqual({ event, rejections: 100 });
        return found;
      },
      { timeout: 10_000 },
    );
    expect(reason["rejections"]).toBe(100);
    expect(reason["hours"]).toHaveLength(1);
    const { body } = await get(`/rejections?event=${event}&limit=500`);
    expect(body["rejections"].length).toBeLessThan(100);
  });

  it("has one reason if only numbers differ", async ({ expect }) => {
    const event = newName();
    await track([anEvent({ event, timestamp: "2026-02-30" }), anEvent({ event, timestamp: "2025-04-31" })]);
    const reasons = (await kept(event, 2)).map(({ reason }) => reason as string);
    expect(new Set(reasons).size).toBe(1);
  });

  it("is a whole request, too, if it came with a key; without one it is only counted", async ({ expect }) => {
    const settings = { WRITE_KEYS: "broken-app:k1" };
    await requestWith(settings, "/track", { method: "POST", body: "{", headers: { Authorization: "Bearer k1" } });
    await requestWith(settings, "/track", { method: "POST", body: "{", headers: { Authorization: "Bearer nobodys" } });
    await vi.waitFor(
      async () => {
        const { body } = await get("/rejections?key=broken-app");
        expect(body["rejections"]).toHaveLength(1);
        expect(body["rejections"][0]).toMatchObject({ event: null, key: "broken-app", path: "/track" });
        const reasons = (await get("/rejections/reasons")).body["reasons"] as Answer[];
        expect(reasons.find(({ reason }) => reason === "No valid key")).toMatchObject({ keys: [{ key: null }] });
      },
      { timeout: 10_000 },
    );
    expect((await get("/rejections?reason=No%20valid%20key")).body["rejections"]).toEqual([]);
  });

  it("is found even if an SDK was told that all is well", async ({ expect }) => {
    const event = newName();
    const good = { type: "track", event, userId: newUser(), messageId: "m1", timestamp: "2026-01-01" };
    const { status } = await post("/v1/batch", { batch: [good, { type: "track", event, messageId: "m2" }] });
    expect(status).toBe(200);
    expect((await kept(event, 1))[0]).toMatchObject({ path: "/v1/batch", errors: [{ pointer: "/userId" }] });
  });

  it("has the kind of a Segment's call for a name, and no other value under that field", async ({ expect }) => {
    const settings = { WRITE_KEYS: "typed-app:k1" };
    const send = (path: string, body: unknown) =>
      requestWith(settings, path, {
        method: "POST",
        body: JSON.stringify(body),
        headers: { Authorization: "Bearer k1" },
      });
    await send("/track", { ...anEvent(), event: 1, type: "ann@shop.example" });
    await send("/v1/identify", { type: "Identify", userId: {} });
    await vi.waitFor(
      async () => {
        const rejections = (await get("/rejections?key=typed-app")).body["rejections"] as Answer[];
        expect(new Set(rejections.map(({ event }) => event as unknown))).toEqual(new Set(["identify", null]));
      },
      { timeout: 10_000 },
    );
  });

  it("has no more of a name than an event may have", async ({ expect }) => {
    const event = newName() + "n".repeat(MAX_EVENT_NAME_CHARACTERS);
    await track(anEvent({ event }));
    const [rejection] = await kept(event.slice(0, MAX_EVENT_NAME_CHARACTERS), 1);
    expect(rejection).toMatchObject({ errors: [{ pointer: "/event" }] });
  });

  it("is read page by page, the newest first", async ({ expect }) => {
    const event = newName();
    await track(Array.from({ length: 5 }, () => anEvent({ event, context: 1 })));
    await kept(event, 5);
    const first = (await get(`/rejections?event=${event}&limit=3`)).body;
    const second = (await get(`/rejections?event=${event}&limit=3&cursor=${first["next_cursor"]}`)).body;
    const ids = [...first["rejections"], ...second["rejections"]].map(({ id }) => id as number);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    expect(ids).toHaveLength(5);
    expect(second["next_cursor"]).toBeNull();
  });

  it("leaves D1 after a month", async ({ expect }) => {
    const event = newName();
    await track(anEvent({ event, context: 1 }));
    await kept(event, 1);
    await removeOldRejections(env, Date.now() + 31 * 24 * 60 * 60 * 1000);
    await kept(event, 0);
    expect((await get("/rejections/reasons")).body["reasons"]).toEqual([]);
  });
});

describe("KEEP_REJECTED_BODIES", () => {
  it("keeps bodies, without the key that they came with", async ({ expect }) => {
    const event = newName();
    await post("/track", anEvent({ event, properties: ["x"] }), KEEP);
    await post("/v1/batch", { writeKey: "k", batch: [{ type: "track", event, properties: {}, writeKey: "k" }] }, KEEP);
    const rejections = await kept(event, 2);
    expect(rejections.find(({ path }) => path === "/track")).toMatchObject({
      user_id: "user123",
      body: { properties: ["x"] },
    });
    expect(rejections.find(({ path }) => path === "/v1/batch")!["body"]).toEqual({
      batch: [{ type: "track", event, properties: {} }],
    });
  });

  it("has its bodies erased, also those that an isolate still holds", async ({ expect }) => {
    const [event, user] = [newName(), newUser()];
    await post("/track", anEvent({ event, user_id: user, properties: ["x"] }), KEEP);
    await kept(event, 1);
    await post("/track", anEvent({ event, user_id: user, properties: ["y"] }), KEEP);
    const { status } = await requestWith(KEEP, `/users/${user}`, { method: "DELETE" });
    expect(status).toBe(200);
    await vi.waitFor(
      async () => {
        const reasons = (await get("/rejections/reasons")).body["reasons"] as Answer[];
        const counted = reasons.flatMap(({ events }) => events as Answer[]).find((count) => count["event"] === event);
        expect(counted).toMatchObject({ rejections: 2 }); // so the second one is stored, if it is
      },
      { timeout: 10_000 },
    );
    await kept(event, 0);
  });

  it("removes kept bodies when it is turned off", async ({ expect }) => {
    const [event, user] = [newName(), newUser()];
    await post("/track", anEvent({ event, user_id: user, properties: ["x"] }), KEEP);
    expect((await kept(event, 1))[0]).toHaveProperty("body");
    await removeOldRejections(env, Date.now());
    expect((await kept(event, 1))[0]).not.toHaveProperty("body");
  });
});

describe("POST /rejections/replay", () => {
  it("records what can be accepted now, once, under its key and at its time", async ({ expect }) => {
    const [event, user] = [newName(), newUser()];
    const { timestamp, rejection } = await rejectAhead(event, user);
    const ids = [rejection["id"]];
    expect((await post("/rejections/replay", { ids })).body).toMatchObject({
      success: true,
      replayed: 0,
      results: [{ id: rejection["id"], status: "rejected", errors: [{ pointer: "/timestamp" }] }],
    });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 60 * 60 * 1000 });
    try {
      const { body } = await post("/rejections/replay", { ids });
      expect(body).toMatchObject({ replayed: 1, results: [{ status: "created", seq: 1 }], next_after: null });
    } finally {
      vi.useRealTimers();
    }
    expect(await timelineOf(user)).toMatchObject([{ event, timestamp, source: "app", properties: { a: 1 } }]);
    await kept(event, 0);
    expect((await post("/rejections/replay", { ids })).body).toMatchObject({ replayed: 0, results: [] });
  });

  it("stores nothing twice that was sent again meanwhile", async ({ expect }) => {
    const [event, user] = [newName(), newUser()];
    const { timestamp, rejection } = await rejectAhead(event, user);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 2 * 60 * 60 * 1000 });
    try {
      await track(anEvent({ event, user_id: user, timestamp, properties: { a: 1 } }));
      const { body } = await post("/rejections/replay", { reason: rejection["reason"] });
      expect(body["results"]).toContainEqual({ id: rejection["id"], status: "duplicate", seq: 1, revision: 1 });
    } finally {
      vi.useRealTimers();
    }
    expect(await timelineOf(user)).toHaveLength(1);
  });

  it("tries messages of Segment's protocol as what they were", async ({ expect }) => {
    const event = newName();
    await post("/v1/track", { event, properties: {} }, KEEP);
    await post("/v1/batch", { batch: [{ type: "track", event, properties: {} }] }, KEEP);
    const ids = (await kept(event, 2)).map(({ id }) => id as number);
    const { body } = await post("/rejections/replay", { ids });
    expect(body["results"]).toHaveLength(2);
    for (const { errors } of body["results"]) expect(errors).toMatchObject([{ pointer: "/userId" }]);
  });

  it.for([{}, { ids: [] }, { ids: ["1"] }, { reason: 1 }, { ids: [1], limit: 1 }, []])(
    "refuses an unclear body: %j",
    async (body, { expect }) => {
      const { status, body: answer } = await post("/rejections/replay", body);
      expect(status).toBe(400);
      expect(answer["errors"].length).toBeGreaterThan(0);
    },
  );

  it.for(["a secret", 17, null, true])(
    "says what a body must be, and repeats nothing of %j",
    async (body, { expect }) => {
      const { status, body: answer } = await post("/rejections/replay", body);
      expect(status).toBe(400);
      const detail = expect.stringMatching(
        /^must be an object like \{"ids": \[1\]\}, not (a string|a number|null|a boolean)$/,
      );
      expect(answer["errors"]).toEqual([{ pointer: "", detail }]);
    },
  );

  it("needs a read key", async ({ expect }) => {
    const settings = { WRITE_KEYS: "site:w1", READ_KEYS: "team:r1" };
    const { status } = await post("/rejections/replay", { ids: [1] }, settings, { Authorization: "Bearer w1" });
    expect(status).toBe(401);
  });
});
