import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { eraseEvents } from "../../../src/d1/erase-events.ts";
import { emptyD1, insertInto, lifeOf, seedD1 } from "../../d1/events-in-d1.ts";
import { type Answer, anEvent, get, newUser, rowsOf, track } from "../../tracklog.ts";

beforeEach(() => emptyD1(env.DB));
afterEach(() => {
  vi.restoreAllMocks();
});

function stream(query = ""): Promise<Response> {
  return exports.default.fetch(`https://tracklog.test/events${query}`, { headers: { accept: "application/x-ndjson" } });
}

describe("GET /events", () => {
  it("answers the events of all users as they came to D1, with everything that is known about them", async ({
    expect,
  }) => {
    const [first, second] = [newUser(), newUser()];
    await track(anEvent({ user_id: first, properties: { a: 1 }, context: { b: 2 }, message_id: "m" }));
    await vi.waitFor(async () => expect(await rowsOf(first)).toHaveLength(1), { timeout: 5_000 });
    await track(anEvent({ user_id: second, timestamp: 0 }));
    await vi.waitFor(async () => expect(await rowsOf(second)).toHaveLength(1), { timeout: 5_000 });
    const { status, body } = await get("/events");
    expect(status).toBe(200);
    expect(body).toEqual({
      events: [
        {
          user_id: first,
          generation: expect.any(Number) as number,
          event: "signed_up",
          timestamp: "2026-01-02T03:04:05.678Z",
          properties: { a: 1 },
          context: { b: 2 },
          message_id: "m",
          seq: 1,
          revision: 1,
          received_at: expect.any(String) as string,
          source: null,
        },
        expect.objectContaining({ user_id: second, timestamp: "1970-01-01T00:00:00.000Z", message_id: null }),
      ],
      erased: [],
      next_cursor: expect.any(String) as string,
      more: false,
    });
  });

  it("continues from its cursor, also past the end", async ({ expect }) => {
    await seedD1(5, newUser(), 3);
    let query = "?limit=2";
    const pages: unknown[] = [];
    for (let page = 0; page < 4; page++) {
      const { body } = await get(`/events${query}`);
      pages.push([(body["events"] as Answer[]).map(({ seq }) => seq as number), body["more"]]);
      query = `?limit=2&after=${body["next_cursor"]}`;
    }
    expect(pages).toEqual([
      [[1, 2], true],
      [[3, 4], true],
      [[5], false],
      [[], false],
    ]);
    expect((await get("/events?limit=2&after=")).body["events"]).toHaveLength(2); // an empty cursor is the start
    await insertInto(env.DB, { event: "later" });
    expect((await get(`/events${query}`)).body).toMatchObject({ events: [{ event: "later" }] });
  });

  it("returns the newest first if that is asked for", async ({ expect }) => {
    await seedD1(5, newUser(), 3);
    const first = (await get("/events?order=desc&limit=3")).body;
    const second = (await get(`/events?order=desc&limit=3&after=${first["next_cursor"]}`)).body;
    expect([...first["events"], ...second["events"]].map(({ seq }: Answer) => seq)).toEqual([5, 4, 3, 2, 1]);
    expect([first["more"], second["more"]]).toEqual([true, false]);
  });

  it("filters by event and by user", async ({ expect }) => {
    const user = newUser();
    await seedD1(4, user);
    expect((await get("/events?event=e1")).body["events"]).toMatchObject([{ seq: 1 }, { seq: 3 }]);
    expect((await get(`/events?user_id=${user}&limit=1`)).body["events"]).toMatchObject([{ seq: 1 }]);
    expect((await get(`/events?user_id=${user}&event=e0`)).body["events"]).toMatchObject([{ seq: 2 }, { seq: 4 }]);
    expect((await get("/events?user_id=nobody")).body).toMatchObject({ events: [], more: false });
  });

  it("returns erasures, in a page and in lines", async ({ expect }) => {
    await insertInto(env.DB, { user_id: "stays" }, { user_id: "goes", generation: 7 });
    await eraseEvents(env.DB, "goes", 7, [[1_700_000_000_000, 1]], 1);
    const erasure = { user_id: "goes", generation: 7 };
    expect((await get("/events")).body).toMatchObject({ events: [{ user_id: "stays" }], erased: [erasure] });
    const text = new TextDecoder().decode(await (await stream()).arrayBuffer());
    expect(JSON.parse(text.split("\n")[1]!)).toEqual({
      erased: "goes",
      generation: 7,
      cursor: expect.any(String) as string,
    });
  });

  it.for([
    ["before=1", "/before"],
    ["limit=0", "/limit"],
    ["limit=501", "/limit"],
    ["limit=5&limit=5", "/limit"],
    ["event=", "/event"],
    ["user_id=", "/user_id"],
    ["order=newest", "/order"],
    ["after=abc", "/after"],
    [`after=${btoa("[1,2]")}`, "/after"], // a timeline's
    [`after=${btoa('{"DB":["a",-1,0]}')}`, "/after"],
    [`after=${btoa('{"DB":["a",1e300,0]}')}`, "/after"],
    [`after=${btoa('{"DB":["a",1,"1"]}')}`, "/after"],
    [`after=${btoa('{"DB":["a",1]}')}`, "/after"],
    [`after=${btoa('{"DB":[1,1,0]}')}`, "/after"],
    [`after=${btoa('{"DB":1}')}`, "/after"],
    [`after=${btoa('{"USER_LOG":["a",1,1]}')}`, "/after"],
  ])("refuses %s and names %s", async ([query, pointer], { expect }) => {
    const { status, headers, body } = await get(`/events?${query}`);
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({ success: false, errors: [{ pointer }] });
  });

  it("handles any cursor that a client could invent, without a fault of ours", async ({ expect }) => {
    await seedD1(5, newUser(), 3);
    const life = await lifeOf(env.DB);
    for (const [place, forwards, backwards] of [
      [[life, 1, 9_999], 200, 200],
      [[life, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER], 410, 200],
      [[life, 0, 5], 410, 200],
      [["", 1, 1], 410, 410],
      [["x'; DROP TABLE feed; --", 1, 1], 410, 410],
    ] as const)
      for (const [order, expected] of [
        ["asc", forwards],
        ["desc", backwards],
      ] as const) {
        const cursor = { DB: place, DB_77: ["another", 1, 1] };
        const after = btoa(JSON.stringify(cursor)).replace(/=+$/, "");
        expect((await get(`/events?order=${order}&after=${after}`)).status).toBe(expected);
      }
  });

  it("is 503 while D1 is away, as JSON and as lines", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1_ERROR: D1 is away");
    });
    for (const response of [await exports.default.fetch("https://tracklog.test/events"), await stream()]) {
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("2");
      expect(await response.json()).toMatchObject({
        success: false,
        detail: expect.stringContaining("reached") as string,
      });
    }
  });
});
