import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { QUERIES_PER_FEED_PAGE } from "../../../src/d1/read-feed.ts";
import { FEED_WINDOW_KEYS } from "../../../src/limits.ts";
import { emptyD1, insertInto, seedD1 } from "../../d1/events-in-d1.ts";
import { type Answer, get, newUser, requestWith } from "../../tracklog.ts";

const LINES = { headers: { accept: "application/x-ndjson" } };

beforeEach(() => emptyD1(env.DB));
afterEach(() => {
  vi.restoreAllMocks();
});

function stream(query = ""): Promise<Response> {
  return exports.default.fetch(`https://tracklog.test/events${query}`, LINES);
}

/** All lines, and the last one, which is of another kind. */
async function linesOf(query = ""): Promise<{ lines: Answer[]; last: Answer }> {
  return parsed(await textOf(await stream(query)));
}

/** Like `text()`, which warns because it does not take this type for text. */
async function textOf(response: Response): Promise<string> {
  return new TextDecoder().decode(await response.arrayBuffer());
}

function parsed(text: string): { lines: Answer[]; last: Answer } {
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
  return { lines, last: lines.pop()! };
}

function withoutCursor(line: Answer): Answer {
  return Object.fromEntries(Object.entries(line).filter(([key]) => key !== "cursor"));
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
const seqsOf = (lines: Answer[]) => lines.map(({ seq }) => seq as number);

/** Lets D1 answer this many queries and then fail, until the returned function is called. */
function breakAfter(queries: number) {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const prepare = env.DB.prepare.bind(env.DB);
  let calls = 0;
  const spy = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
    if (++calls > queries) throw new Error("D1_ERROR: D1 went away");
    return prepare(sql);
  });
  return () => spy.mockRestore();
}

const fail = () => Promise.reject(new Error("D1_ERROR: D1 is away"));

describe("GET /events as lines", () => {
  it("has the same events as a page, each with a cursor to continue from", async ({ expect }) => {
    await seedD1(7, newUser(), 3);
    const { body } = await get("/events");
    const { lines, last } = await linesOf();
    expect(lines.map(withoutCursor)).toEqual(body["events"]);
    expect(last).toEqual({ cursor: body["next_cursor"], end: true });
    for (const [i, { cursor }] of lines.entries())
      expect(seqsOf((await linesOf(`?after=${cursor}`)).lines)).toEqual(upTo(7).slice(i + 1));
    expect((await stream()).headers.get("content-type")).toBe("application/x-ndjson");
  });

  it("ends at a given limit, and says that this was not the end", async ({ expect }) => {
    await seedD1(7, newUser());
    const { lines, last } = await linesOf("?limit=3");
    expect(seqsOf(lines)).toEqual([1, 2, 3]);
    expect(last["end"]).toBe(false);
    expect(seqsOf((await linesOf(`?after=${last["cursor"]}`)).lines)).toEqual([4, 5, 6, 7]);
  });

  it("has a last line even if there is nothing else", async ({ expect }) => {
    await seedD1(7, newUser());
    const { lines, last } = await linesOf("?event=nothing");
    expect(lines).toEqual([]);
    expect(last["end"]).toBe(true);
    await insertInto(env.DB, { event: "nothing" });
    expect((await linesOf(`?after=${last["cursor"]}`)).lines).toHaveLength(1);
  });

  it("returns the whole rest, however long, in both orders", async ({ expect }) => {
    await seedD1(27_499, newUser());
    const { lines, last } = await linesOf();
    expect(seqsOf(lines)).toEqual(upTo(27_499));
    expect(last["end"]).toBe(true);
    expect(seqsOf((await linesOf("?order=desc")).lines)).toEqual(upTo(27_499).toReversed());
  });

  it("finds what a filter looks for behind window after window of other events", async ({ expect }) => {
    await seedD1(4 * FEED_WINDOW_KEYS, newUser());
    await insertInto(env.DB, { event: "rare" });
    const { lines, last } = await linesOf("?event=rare");
    expect(lines).toMatchObject([{ event: "rare" }]);
    expect(last["end"]).toBe(true);
  });

  it("is read from D1 only as the client reads", async ({ expect }) => {
    await seedD1(10 * FEED_WINDOW_KEYS, newUser());
    const prepare = vi.spyOn(env.DB, "prepare");
    const reader = (await stream()).body!.getReader();
    await reader.read();
    await scheduler.wait(200); // would be time enough for all of it
    expect(prepare.mock.calls.length).toBeLessThanOrEqual(6);
    await reader.cancel();
  });

  it("G7: ends with its last line if D1 fails in between, and reading continues from that line", async ({ expect }) => {
    const count = 3 * FEED_WINDOW_KEYS;
    await seedD1(count, newUser());
    for (const queries of [3, 4, 5, 6, 7, 8]) {
      const restore = breakAfter(queries);
      const { lines, last } = await linesOf();
      restore();
      expect(lines).toHaveLength(Math.floor(queries / QUERIES_PER_FEED_PAGE) * FEED_WINDOW_KEYS);
      expect(last["end"]).toBe(false);
      const rest = await linesOf(`?after=${last["cursor"]}`);
      expect(seqsOf([...lines, ...rest.lines])).toEqual(upTo(count));
    }
  });

  it("returns the lines of one database while another is unavailable, and says that this was not the end", async ({
    expect,
  }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    await seedD1(7, newUser());
    const DB_1 = { prepare: () => ({ bind: () => ({}) }), batch: fail };
    const { app } = await import("../../../src/app.ts");
    const response = await app.request("/events", LINES, { ...env, DB_1 });
    const { lines, last } = parsed(await textOf(response));
    expect(seqsOf(lines)).toEqual(upTo(7));
    expect(last["end"]).toBe(false);
    const again = await requestWith({ DB_1 } as unknown as Partial<Env>, `/events?after=${last["cursor"]}`, LINES);
    expect(again.status).toBe(503); // so that a loop waits
  });
});
