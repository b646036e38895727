import { runInDurableObject } from "cloudflare:test";
import * as fc from "fast-check";
import { describe, it } from "vitest";
import { type Answer, anEvent, call, get, newUser, pagesOf, timelineOf, track, userLog } from "../../tracklog.ts";

const T0 = Date.UTC(2026, 0, 2, 3, 4, 5, 0);

/** Tracks an event for each time, in milliseconds after T0. The names are e1, e2 and so on. */
async function trackAt(user: string, ...times: number[]) {
  const events = times.map((time, i) => anEvent({ user_id: user, event: `e${i + 1}`, timestamp: T0 + time }));
  await track(events);
}

function namesOf(events: Answer[]): string[] {
  return events.map(({ event }) => event as string);
}

async function eventsAt(user: string, query: string) {
  const { body } = await get(`/users/${user}/events?${query}`);
  return namesOf(body["events"] as Answer[]);
}

describe("G5: GET /users/{id}/events", () => {
  it("answers an event with everything that is known about it", async ({ expect }) => {
    const user = newUser();
    await track(
      anEvent({ user_id: user, properties: { a: { b: [1, null] } }, context: { ip: "1" }, message_id: "m1" }),
    );
    await track(anEvent({ user_id: user, timestamp: "2026-01-02T03:04:06Z" }));
    const { status, body } = await get(`/users/${user}/events`);
    expect(status).toBe(200);
    expect(body).toEqual({
      user_id: user,
      events: [
        {
          event: "signed_up",
          timestamp: "2026-01-02T03:04:05.678Z",
          properties: { a: { b: [1, null] } },
          context: { ip: "1" },
          message_id: "m1",
          seq: 1,
          revision: 1,
          received_at: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
          source: null,
        },
        expect.objectContaining({ timestamp: "2026-01-02T03:04:06.000Z", context: {}, message_id: null, seq: 2 }),
      ],
      next_cursor: null,
    });
  });

  it("is in the order of event time, then of acceptance, or in the reverse", async ({ expect }) => {
    const user = newUser();
    await trackAt(user, 2, 0, 1, 0); // e2 and e4 at the same time, e1 last
    expect(await eventsAt(user, "order=asc")).toEqual(["e2", "e4", "e3", "e1"]);
    expect(await eventsAt(user, "order=desc")).toEqual(["e1", "e3", "e4", "e2"]);
    expect(await eventsAt(user, "")).toEqual(["e2", "e4", "e3", "e1"]);
  });

  it("accepts from, inclusive, and to, exclusive, in every form that /track accepts", async ({ expect }) => {
    const user = newUser();
    await trackAt(user, 0, 1_000, 2_000);
    const second = Date.UTC(2026, 0, 2, 3, 4, 6);
    const forms = [
      "2026-01-02T03:04:06Z",
      "2026-01-02T03:04:06.000Z",
      "2026-01-02T03:04:06.000999Z",
      "2026-01-02 03:04:06",
      "2026-01-02t03:04:06,000z",
      "2026-01-02T05:04:06+02:00",
      "2026-01-02T05:04:06+0200",
      "2026-01-01T22:04:06-05",
      "26-01-02T03:04:06Z",
      String(second),
      String(second / 1000),
      `${second / 1000}.000`,
      (second / 1000).toExponential(),
    ];
    for (const form of forms) {
      expect(await eventsAt(user, `from=${encodeURIComponent(form)}`), form).toEqual(["e2", "e3"]);
      expect(await eventsAt(user, `to=${encodeURIComponent(form)}`), form).toEqual(["e1"]);
    }
    expect(await eventsAt(user, "from=2026-01-02&to=2026-01-03")).toEqual(["e1", "e2", "e3"]);
    expect(await eventsAt(user, "from=2026-01-03")).toEqual([]);
    expect(await eventsAt(user, `from=${second}&to=${second}`)).toEqual([]);
    expect(await eventsAt(user, `from=${second}&to=${second + 1}&order=desc`)).toEqual(["e2"]);
    expect(await eventsAt(user, "to=2099-01-01")).toHaveLength(3); // a range may end in the future
  });

  it("has 100 events by default, and from 1 to 500", async ({ expect }) => {
    const user = newUser();
    await trackAt(user, ...Array.from({ length: 500 }, (_, i) => i));
    await track(anEvent({ user_id: user, timestamp: T0 + 1000 }));
    expect(await eventsAt(user, "")).toHaveLength(100);
    expect(await eventsAt(user, "limit=1")).toEqual(["e1"]);
    expect(await eventsAt(user, "limit=500")).toHaveLength(500);
    const pages = await pagesOf(`/users/${user}/events?limit=200`);
    expect(pages.map((page) => page.length)).toEqual([200, 200, 101]);
    expect(pages.flat().map(({ seq }) => seq as number)).toEqual(Array.from({ length: 501 }, (_, i) => i + 1));
  });

  it("has no cursor on a last page that is full", async ({ expect }) => {
    const user = newUser();
    await trackAt(user, 0, 1);
    expect((await get(`/users/${user}/events?limit=2`)).body["next_cursor"]).toBeNull();
  });

  it("filters by name", async ({ expect }) => {
    const user = newUser();
    await track(["a", "b", "a", "A", "a b"].map((event, i) => anEvent({ user_id: user, event, timestamp: T0 + i })));
    expect(await eventsAt(user, "event=a")).toEqual(["a", "a"]);
    expect(await eventsAt(user, "event=a%20b")).toEqual(["a b"]);
    expect(await eventsAt(user, "event=c")).toEqual([]);
  });

  it("keeps pages of large events within what memory and a call may hold", async ({ expect }) => {
    const user = newUser();
    const properties = { text: `${"x".repeat(64_000)}😀` }; // one such character makes every character take two bytes
    for (let i = 0; i < 520; i += 10)
      await track(Array.from({ length: 10 }, (_, j) => anEvent({ user_id: user, timestamp: T0 + i + j, properties })));
    const pages = await pagesOf(`/users/${user}/events?limit=500`);
    expect(Math.max(...pages.map((page) => page.length))).toBeLessThan(70);
    expect(pages.flat().map(({ seq }) => seq as number)).toEqual(Array.from({ length: 520 }, (_, i) => i + 1));
  });
});

describe("GET /users/{id}", () => {
  it("answers the latest known properties, the count and the times of the events", async ({ expect }) => {
    const user = newUser();
    const at = (time: number, properties: object) =>
      track(anEvent({ user_id: user, timestamp: T0 + time, properties }));
    await at(1_000, { email: "new@x", name: "Ada", plan: "pro" });
    await at(0, { email: "old@x", first_name: "A" }); // late
    const { status, body } = await get(`/users/${user}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      user_id: user,
      properties: { email: "new@x", name: "Ada", first_name: "A" },
      events: 2,
      first_seen: "2026-01-02T03:04:05.000Z",
      last_seen: "2026-01-02T03:04:06.000Z",
      pending: expect.any(Number) as number,
    });
  });
});

describe("a user for whom nothing is stored", () => {
  it("is 404 to read, has nothing to erase, and leaves nothing behind", async ({ expect }) => {
    const user = newUser();
    for (const path of ["/events", "/events?event=a&order=desc", ""]) {
      const { status, headers, body } = await get(`/users/${user}${path}`);
      expect(status).toBe(404);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(body).toMatchObject({ success: false, status: 404 });
    }
    expect((await get(`/users/${user}/suppression`)).body).toEqual({ user_id: user, suppressed: false });
    expect((await call("DELETE", `/users/${user}/suppression`)).status).toBe(200);
    expect((await call("DELETE", `/users/${user}`)).body).toEqual({ user_id: user, erased: 0, erasures: [] });
    await runInDurableObject(userLog(user), async (_, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master").toArray()).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
  });
});

describe("an id in the path", () => {
  it("may be any that an event may have", async ({ expect }) => {
    const odd = [
      "a/b",
      "a%2Fb",
      "100%",
      "?x=1",
      "#",
      "a+b",
      "ü",
      "😀",
      "..a",
      "a b",
      "events",
      "%00",
      "%E0%A4",
      "\\",
      ";",
    ];
    const unit = fc.constantFrom("%", "2", "F", "/", "?", "#", "+", ".", "é", "😀", "a", " ", "\\", "&", "\n");
    const ids = fc
      .oneof(fc.constantFrom(...odd), fc.string({ unit, minLength: 1, maxLength: 12 }))
      .map((id) => `${id}-`);
    await fc.assert(
      fc.asyncProperty(ids, async (id) => {
        const user = `${newUser()}${id}`;
        await track(anEvent({ user_id: user }));
        const { status, body } = await get(`/users/${encodeURIComponent(user)}/events`);
        expect(status).toBe(200);
        expect(body).toMatchObject({ user_id: user, events: [{ seq: 1 }] });
      }),
      { numRuns: 60 },
    );
  });

  it("may not be one that every URL parser removes from the path", async ({ expect }) => {
    for (const user_id of [".", ".."]) {
      const { status, body } = await track(anEvent({ user_id }));
      expect(status).toBe(400);
      expect(body).toMatchObject({
        errors: [
          { pointer: "/user_id", detail: 'must not be "." or "..", which URLs drop from a path: choose another id' },
        ],
      });
    }
    expect((await track(anEvent({ user_id: "..." }))).status).toBe(200);
    expect(await timelineOf("...")).toHaveLength(1);
  });

  it.for([
    ["x".repeat(257), "has 257 characters, at most 256"],
    ["%20", "is blank"],
    ["undefined", "is a placeholder that only a bug produces, not an id"],
    ["%5Bobject%20Object%5D", "is a placeholder that only a bug produces, not an id"],
    ["a%00b", "holds a NUL character"],
  ])("is refused if no event could have it: %s", async ([id, detail], { expect }) => {
    for (const [method, path] of [
      ["GET", `/users/${id}`],
      ["GET", `/users/${id}/events`],
      ["DELETE", `/users/${id}`],
      ["PUT", `/users/${id}/suppression`],
    ] as const) {
      const { status, body } = await call(method, path);
      expect(status).toBe(400);
      expect(body).toMatchObject({ errors: [{ pointer: "/user_id", detail }] });
    }
  });
});
