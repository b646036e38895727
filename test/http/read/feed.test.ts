import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { MAX_PAGE_EVENTS, MAX_STREAM_QUERIES } from "../../../src/limits.ts";
import { type Answer, anEvent, get, newUser, rowsOf, track } from "../../tracklog.ts";

beforeEach(async () => {
  await env.DB.prepare("DELETE FROM events").run();
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Brings so many events of one user to D1, past the user's log. */
async function seed(count: number, user = newUser()) {
  await env.DB.prepare(
    `INSERT INTO events WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1)
     SELECT (SELECT position FROM feed_floor) + n, ?2, 1, n, 1, 'e' || (n % 2), n, NULL, '{"n":' || n || '}', '{}', n, NULL FROM numbers`,
  )
    .bind(count, user)
    .run();
}

function stream(query = ""): Promise<Response> {
  return exports.default.fetch(`https://tracklog.test/events${query}`, { headers: { accept: "application/x-ndjson" } });
}

async function linesOf(query = ""): Promise<Answer[]> {
  const text = new TextDecoder().decode(await (await stream(query)).arrayBuffer());
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Answer);
}

function withoutCursor(line: Answer): Answer {
  return Object.fromEntries(Object.entries(line).filter(([key]) => key !== "cursor"));
}

describe("GET /events", () => {
  it("answers the events of all users as they came to D1, with all that is known of them", async ({ expect }) => {
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
      next_cursor: expect.any(String) as string,
    });
  });

  it("goes on from its cursor, also past the end", async ({ expect }) => {
    await seed(5);
    let query = "?limit=2";
    const pages: number[][] = [];
    for (let page = 0; page < 4; page++) {
      const { body } = await get(`/events${query}`);
      pages.push((body["events"] as Answer[]).map(({ seq }) => seq as number));
      query = `?limit=2&after=${body["next_cursor"]}`;
    }
    expect(pages).toEqual([[1, 2], [3, 4], [5], []]);
    expect((await get("/events?limit=2&after=")).body["events"]).toHaveLength(2); // an empty cursor is the start
    await track(anEvent({ user_id: newUser(), event: "later" }));
    await vi.waitFor(
      async () => expect((await get(`/events${query}`)).body).toMatchObject({ events: [{ event: "later" }] }),
      { timeout: 5_000 },
    );
  });

  it("filters by event and by user", async ({ expect }) => {
    const user = newUser();
    await seed(4, user);
    expect((await get("/events?event=e1")).body["events"]).toMatchObject([{ seq: 1 }, { seq: 3 }]);
    expect((await get(`/events?user_id=${user}&limit=1`)).body["events"]).toMatchObject([{ seq: 1 }]);
    expect((await get(`/events?user_id=${user}&event=e0`)).body["events"]).toMatchObject([{ seq: 2 }, { seq: 4 }]);
    expect((await get("/events?user_id=nobody")).body).toMatchObject({
      events: [],
      next_cursor: expect.any(String) as string,
    });
  });

  it.for([
    ["before=1", "/before"],
    ["limit=0", "/limit"],
    ["limit=501", "/limit"],
    ["limit=5&limit=5", "/limit"],
    ["event=", "/event"],
    ["user_id=", "/user_id"],
    ["after=abc", "/after"],
    [`after=${btoa("[1,2]")}`, "/after"], // a timeline's
    [`after=${btoa('{"DB":-1}')}`, "/after"],
    [`after=${btoa('{"DB":1e300}')}`, "/after"],
    [`after=${btoa('{"DB":"1"}')}`, "/after"],
    [`after=${btoa('{"USER_LOG":1}')}`, "/after"],
  ])("refuses %s and names %s", async ([query, pointer], { expect }) => {
    const { status, headers, body } = await get(`/events?${query}`);
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(body).toMatchObject({ success: false, errors: [{ pointer }] });
  });

  it("is 503 while D1 is away, as JSON and as lines", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("D1_ERROR: D1 is away"));
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

describe("GET /events as lines", () => {
  it("has the same events, each with a cursor to go on from", async ({ expect }) => {
    await seed(7);
    const { body } = await get("/events");
    const lines = await linesOf();
    expect(lines.map(withoutCursor)).toEqual(body["events"]);
    for (const [i, { cursor }] of lines.entries())
      expect((await linesOf(`?after=${cursor}`)).map(withoutCursor)).toEqual((body["events"] as Answer[]).slice(i + 1));
    expect((await stream()).headers.get("content-type")).toBe("application/x-ndjson");
  });

  it("ends at the limit, where one is given", async ({ expect }) => {
    await seed(7);
    expect(await linesOf("?limit=3")).toHaveLength(3);
  });

  it("is empty where there is nothing", async ({ expect }) => {
    const response = await stream("?event=nothing");
    expect(response.status).toBe(200);
    expect((await response.arrayBuffer()).byteLength).toBe(0);
  });

  it("is read from D1 only as the client reads", async ({ expect }) => {
    await seed(10 * MAX_PAGE_EVENTS);
    const batch = vi.spyOn(env.DB, "batch");
    const reader = (await stream()).body!.getReader();
    await reader.read();
    await scheduler.wait(200); // would be time enough for all of it
    expect(batch.mock.calls.length).toBeLessThan(6);
    let bytes = 0;
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) bytes += chunk.value.byteLength;
    expect(bytes).toBeGreaterThan(9 * MAX_PAGE_EVENTS * 100);
    expect(batch.mock.calls.length).toBe(10);
  });

  it("breaks off, instead of ending, where D1 fails in between; the last line's cursor goes on", async ({ expect }) => {
    await seed(3 * MAX_PAGE_EVENTS);
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const batch = env.DB.batch.bind(env.DB);
    let calls = 0;
    const spy = vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
      if (++calls > 2) throw new Error("D1_ERROR: D1 went away");
      return batch<never>(statements);
    });
    const received: string[] = [];
    const reader = (await stream()).body!.pipeThrough(new TextDecoderStream()).getReader();
    const readAll = async () => {
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) received.push(chunk.value);
    };
    await expect(readAll()).rejects.toThrow();
    expect(log).toHaveBeenCalledWith(expect.stringContaining("feed_broken_off"));
    spy.mockRestore();

    // What follows the last line break is the torn line, if any.
    const lines = received
      .join("")
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Answer);
    const rest = await linesOf(lines.length > 0 ? `?after=${lines.at(-1)!["cursor"]}` : "");
    expect([...lines, ...rest].map(({ seq }) => seq as number)).toEqual(Array.from({ length: 1_500 }, (_, i) => i + 1));
  });

  it("keeps within the queries of an invocation, so that an export is a loop", async ({ expect }) => {
    const count = (MAX_STREAM_QUERIES / 2) * MAX_PAGE_EVENTS + 700;
    await seed(count);
    const batch = vi.spyOn(env.DB, "batch");
    const seqs: number[] = [];
    for (let query = "", lines = await linesOf(); lines.length > 0; lines = await linesOf(query)) {
      expect(batch.mock.calls.length * 2).toBeLessThanOrEqual(MAX_STREAM_QUERIES);
      batch.mockClear();
      seqs.push(...lines.map(({ seq }) => seq as number));
      query = `?after=${lines.at(-1)!["cursor"]}`;
    }
    expect(seqs).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  });
});
