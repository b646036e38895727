import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { newIncarnation } from "../../../src/d1/incarnation.ts";
import { FEED_WINDOW_KEYS } from "../../../src/limits.ts";
import { emptyD1, insertInto, seedD1 } from "../../d1/events-in-d1.ts";
import { type Answer, get, newUser } from "../../tracklog.ts";

beforeEach(() => emptyD1(env.DB));
afterEach(() => {
  vi.restoreAllMocks();
});

function linesAfter(cursor: string): Promise<Response> {
  return exports.default.fetch(`https://tracklog.test/events?after=${cursor}`, {
    headers: { accept: "application/x-ndjson" },
  });
}

/** Status, media type and body of the answer to a cursor, as a page and as lines. */
async function bothAnswers(cursor: string): Promise<[number, string | null, Answer][]> {
  const page = await get(`/events?after=${cursor}`);
  const lines = await linesAfter(cursor);
  return [
    [page.status, page.headers.get("content-type"), page.body],
    [lines.status, lines.headers.get("content-type"), await lines.json<Answer>()],
  ];
}

async function endOfFeed(): Promise<string> {
  return (await get("/events")).body["next_cursor"] as string;
}

describe("a cursor from which the feed cannot continue", () => {
  it("is answered 410 after a rebuild, as a page and as lines, with what to do", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1 });
    const cursor = await endOfFeed();
    await newIncarnation(env.DB);
    for (const [status, mediaType, body] of await bothAnswers(cursor)) {
      expect(status).toBe(410);
      expect(mediaType).toBe("application/problem+json");
      expect(body).toMatchObject({
        success: false,
        code: "cursor_gone",
        begin: "/events",
        archive: "/archive/manifest",
        detail: expect.stringContaining("Begin anew without `after`") as string,
      });
    }
    expect((await get("/events")).body["events"]).toMatchObject([{ seq: 1 }]);
    expect((await get(`/events?after=${await endOfFeed()}`)).status).toBe(200);
  });

  it("is answered 410 if the next events have left D1, but not if it has read them", async ({ expect }) => {
    for (const seq of [1, 2, 3]) await insertInto(env.DB, { seq });
    const [behind, past] = [(await get("/events?limit=1")).body, (await get("/events?limit=2")).body];
    await env.DB.prepare("DELETE FROM feed WHERE position <= 2").run();
    for (const [status, , body] of await bothAnswers(behind["next_cursor"] as string)) {
      expect(status).toBe(410);
      expect(body["code"]).toBe("cursor_gone");
    }
    expect((await get(`/events?after=${past["next_cursor"]}`)).body["events"]).toMatchObject([{ seq: 3 }]);
  });

  it("is not one from an empty feed, whose first events come later", async ({ expect }) => {
    for (const order of ["asc", "desc"]) {
      await emptyD1(env.DB);
      const cursor = (await get(`/events?order=${order}`)).body["next_cursor"] as string;
      await insertInto(env.DB, { seq: 1 });
      const { status, body } = await get(`/events?after=${cursor}`);
      expect(status).toBe(200);
      expect(body["events"]).toMatchObject([{ seq: 1 }]);
    }
  });

  it("ends a stream in between with its last line, from which the next request is answered 410", async ({ expect }) => {
    await seedD1(3 * FEED_WINDOW_KEYS, newUser());
    const batch = env.DB.batch.bind(env.DB);
    let pages = 0;
    vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
      if (++pages === 2) await newIncarnation(env.DB);
      return batch<never>(statements);
    });
    const log = vi.spyOn(console, "error");
    const text = new TextDecoder().decode(await (await linesAfter("")).arrayBuffer());
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Answer);
    const last = lines.pop()!;
    expect(lines).toHaveLength(FEED_WINDOW_KEYS);
    expect(last).toEqual({ cursor: lines.at(-1)!["cursor"] as string, end: false });
    expect(log).not.toHaveBeenCalled(); // nothing is broken on our side
    for (const [status, , body] of await bothAnswers(last["cursor"] as string)) {
      expect(status).toBe(410);
      expect(body["code"]).toBe("cursor_gone");
    }
  });
});
