import { env, exports } from "cloudflare:workers";
import { beforeEach, describe, it } from "vitest";
import { eraseEvents } from "../../../src/d1/erase-events.ts";
import { emptyD1, insertInto } from "../../d1/events-in-d1.ts";
import { type Answer, get, requestWith } from "../../tracklog.ts";

beforeEach(() => emptyD1(env.DB, env.SECOND_DB));

const BOTH = { DB_1: env.SECOND_DB } as Partial<Env>;

async function cursorOf(path: string): Promise<string> {
  return (await get(path)).body["next_cursor"] as string;
}

describe("GET /events?order=time", () => {
  it("returns all that D1 has, by time, page by page, and then the erased users", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1, timestamp: 3 }, { seq: 2, timestamp: 1 }, { seq: 3, timestamp: 2 });
    await eraseEvents(env.DB, "gone", 7, [], Date.now());
    await insertInto(env.SECOND_DB, { seq: 1, timestamp: 1, user_id: "other" });
    // Does not read the feed, which is empty here.
    await env.DB.prepare("DELETE FROM feed").run();
    const pages: [Answer[], Answer[]][] = [];
    for (let cursor = "", more = true; more;) {
      const { status, body } = await requestWith(BOTH, `/events?order=time&limit=2&after=${cursor}`);
      expect(status).toBe(200);
      pages.push([body["events"] as Answer[], body["erased"] as Answer[]]);
      more = body["more"] as boolean;
      cursor = body["next_cursor"] as string;
    }
    expect(pages.flatMap(([events]) => events.map(({ user_id, seq }) => [user_id, seq] as unknown))).toEqual([
      ["user123", 2],
      ["user123", 3],
      ["user123", 1],
      ["other", 1],
    ]);
    expect(pages.flatMap(([, erased]) => erased)).toEqual([{ user_id: "gone", generation: 7 }]);
  });

  it("is one stream of lines, and the last one says that this was the end", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1, timestamp: 3 }, { seq: 2, timestamp: 1 });
    await eraseEvents(env.DB, "gone", 7, [], Date.now());
    const response = await exports.default.fetch("https://tracklog.test/events?order=time", {
      headers: { accept: "application/x-ndjson" },
    });
    const lines = (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Answer);
    expect(lines.map(({ seq, erased, end }) => (seq ?? erased ?? end) as unknown)).toEqual([2, 1, "gone", true]);
    // A reader can continue from each line.
    const rest = await get(`/events?order=time&after=${lines[0]!["cursor"]}`);
    expect((rest.body["events"] as Answer[]).map(({ seq }) => seq as number)).toEqual([1]);
  });

  it.for([
    ["event=a", "/event", "cannot be combined with order=time"],
    ["user_id=a", "/user_id", "cannot be combined with order=time"],
  ])("is refused with a filter: %s", async ([query, pointer, detail], { expect }) => {
    const { status, body } = await get(`/events?order=time&${query}`);
    expect(status).toBe(400);
    expect(body["errors"]).toEqual([{ pointer, detail }]);
  });

  it("refuses a cursor of the feed, and the feed refuses one of this order", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1 }, { seq: 2 });
    for (const path of [
      `/events?order=time&after=${await cursorOf("/events?limit=1")}`,
      `/events?after=${await cursorOf("/events?order=time&limit=1")}`,
    ]) {
      const { status, body } = await get(path);
      expect(status).toBe(400);
      expect(body["errors"]).toEqual([{ pointer: "/after", detail: "is not a cursor of this order" }]);
    }
  });
});
