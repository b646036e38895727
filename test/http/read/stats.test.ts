import { env } from "cloudflare:workers";
import { beforeEach, describe, it, vi } from "vitest";
import { rollUpDatabase } from "../../../src/stats/roll-up.ts";
import { handOnTallies } from "../../../src/stats/tally.ts";
import { breakD1 } from "../../d1-faults.ts";
import { insertInto } from "../../d1/events-in-d1.ts";
import { emptyCounters } from "../../stats/counters-in-d1.ts";
import { anEvent, get, newUser, requestWith, track } from "../../tracklog.ts";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 10);
const RANGE = "from=2026-01-10&to=2026-01-12";

beforeEach(async () => {
  await handOnTallies(env);
  await emptyCounters(env.DB);
});

function rowOf(seq: number, hours: number, user_id: string, event: string, source: string | null) {
  return {
    seq,
    user_id,
    generation: user_id.length,
    event,
    source,
    timestamp: START + hours * HOUR,
    properties: JSON.stringify({ plan: seq % 2 ? "pro" : "free", paid: true, tags: ["a"], none: null }),
  };
}

/** Two users on one day and one of them on the next, of two names and two keys. */
async function someEvents(): Promise<void> {
  await insertInto(
    env.DB,
    rowOf(1, 0, "ann", "signed_up", "site"),
    rowOf(2, 0.5, "ann", "clicked", "site"),
    rowOf(3, 0.5, "ann", "clicked", "site"),
    rowOf(1, 0.25, "robert", "clicked", null),
    rowOf(4, 25, "ann", "clicked", "site"),
  );
}

function rollUp(now = START + 10 * 24 * HOUR): Promise<void> {
  return rollUpDatabase(env.DB, { statements: 100, until: Infinity }, () => now);
}

async function rowsOf(query: string) {
  const { status, body } = await get(`/stats?${query}`);
  return status === 200 ? body["rows"] : body;
}

describe("GET /stats", () => {
  it.for(["before the roll-up", "after it", "between two"])("tells the same %s", async (when, { expect }) => {
    await someEvents();
    if (when === "after it") await rollUp();
    if (when === "between two") await rollUp(START + 2 * HOUR);
    expect(await rowsOf(`${RANGE}&by=day`)).toEqual([
      { day: "2026-01-10T00:00:00.000Z", events: 4, users: 2 },
      { day: "2026-01-11T00:00:00.000Z", events: 1, users: 1 },
    ]);
    expect(await rowsOf(`${RANGE}&by=event`)).toEqual([
      { event: "clicked", events: 4 },
      { event: "signed_up", events: 1 },
    ]);
    expect(await rowsOf(`${RANGE}&by=hour,event,key`)).toEqual([
      { hour: "2026-01-10T00:00:00.000Z", event: "clicked", key: "site", events: 2, users: 1 },
      { hour: "2026-01-10T00:00:00.000Z", event: "clicked", key: null, events: 1, users: 1 },
      { hour: "2026-01-10T00:00:00.000Z", event: "signed_up", key: "site", events: 1, users: 1 },
      { hour: "2026-01-11T01:00:00.000Z", event: "clicked", key: "site", events: 1, users: 1 },
    ]);
    expect(await rowsOf(`${RANGE}&by=key&event=clicked`)).toEqual([
      { key: "site", events: 3 },
      { key: null, events: 1 },
    ]);
    expect(await rowsOf(`${RANGE}&by=&key=`)).toEqual([{ events: 1 }]);
  });

  it("counts minutes from the events themselves", async ({ expect }) => {
    await someEvents();
    expect(await rowsOf("from=2026-01-10&to=2026-01-10T01:00&by=minute")).toEqual([
      { minute: "2026-01-10T00:00:00.000Z", events: 1 },
      { minute: "2026-01-10T00:15:00.000Z", events: 1 },
      { minute: "2026-01-10T00:30:00.000Z", events: 2 },
    ]);
  });

  it("widens the range to whole hours or days, and says so", async ({ expect }) => {
    const { body } = await get("/stats?from=2026-01-10T03:20&to=2026-01-10T04:01&by=hour");
    expect(body).toMatchObject({ from: "2026-01-10T03:00:00.000Z", to: "2026-01-10T05:00:00.000Z", complete: true });
  });

  it("is CSV if that is asked for, which no spreadsheet runs", async ({ expect }) => {
    await insertInto(env.DB, { event: '=HYPERLINK("x"),1', timestamp: START });
    const answers = [
      await requestWith({}, `/stats?${RANGE}&by=event`, { headers: { Accept: "text/csv" } }).catch(String),
      await requestWith({}, `/stats?${RANGE}&by=event&format=csv`).catch(String),
    ];
    for (const answer of answers) expect(answer).toContain("SyntaxError"); // it is not JSON
    const { app } = await import("../../../src/app.ts");
    const response = await app.request(`/stats?${RANGE}&by=event&format=csv`, {}, env);
    expect(response.headers.get("Content-Type")).toMatch(/^text\/csv/);
    expect(await response.text()).toBe('event,events\r\n"\'=HYPERLINK(""x""),1",1\r\n');
  });

  it.for([
    ["by=hour,day", "/by", "choose one of"],
    ["by=week", "/by/0", "must be some of minute"],
    ["by=verdict,event", "/by", "for all events together"],
    ["by=verdict&event=x", "/by", "for all events together"],
    ["by=minute&from=2026-01-10&to=2026-01-11", "/from", "at most 6"],
    ["by=hour&from=2026-01-01&to=2026-03-01", "/from", "at most 744"],
    ["from=2026-01-02&to=2026-01-01", "/from", "is after to"],
    ["days=3", "/days", "is not a parameter"],
  ] as const)("refuses %s by name", async ([query, pointer, detail], { expect }) => {
    const { status, body } = await get(`/stats?${query}`);
    expect(status).toBe(400);
    expect(body["errors"][0]).toMatchObject({ pointer, detail: expect.stringContaining(detail) });
  });

  it("needs a read key", async ({ expect }) => {
    const keys = { OPEN: "false", READ_KEYS: "team:k", WRITE_KEYS: "site:w" };
    for (const path of ["/stats", "/stats/properties?event=x", "/stats/databases"]) {
      expect((await requestWith(keys, path)).status).toBe(401);
      expect((await requestWith(keys, path, { headers: { "x-api-key": "w" } })).status).toBe(401);
      expect((await requestWith(keys, path, { headers: { "x-api-key": "k" } })).status).toBe(200);
    }
  });

  it("is 503 if D1 is unavailable", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    breakD1();
    expect((await get("/stats")).status).toBe(503);
    expect((await get("/stats/properties?event=x")).status).toBe(503);
    expect(await get("/stats/databases")).toMatchObject({ status: 200, body: { away: ["DB"] } });
    vi.restoreAllMocks();
  });

  it("counts verdicts by key, once the isolates have stored them", async ({ expect }) => {
    const user = newUser();
    await track([anEvent({ user_id: user }), anEvent({ user_id: user }), anEvent({ user_id: user, timestamp: "x" })]);
    await handOnTallies(env);
    await track(anEvent({ user_id: user }));
    await handOnTallies(env);
    const rows = (await rowsOf("by=verdict,key")) as { verdict: string; events: number }[];
    expect(rows.sort((a, b) => a.verdict.localeCompare(b.verdict))).toEqual([
      { key: null, verdict: "created", events: 1 },
      { key: null, verdict: "duplicate", events: 2 },
      { key: null, verdict: "rejected", events: 1 },
    ]);
  });
});

describe("GET /stats/properties", () => {
  it("tells the most frequent values of an event's properties", async ({ expect }) => {
    await someEvents();
    const { body } = await get(`/stats/properties?event=clicked&${RANGE}`);
    expect(body).toMatchObject({ event: "clicked", events: 4, complete: true });
    const byName = Object.fromEntries(body["properties"].map((one: { property: string }) => [one.property, one]));
    expect(byName["plan"]).toEqual({
      property: "plan",
      events: 4,
      distinct: 2,
      values: [
        { value: "free", events: 2 },
        { value: "pro", events: 2 },
      ],
    });
    expect(byName["paid"].values).toEqual([{ value: "true", events: 4 }]);
    expect(byName["tags"].values).toEqual([{ value: '["a"]', events: 4 }]);
    expect(byName["none"].values).toEqual([{ value: null, events: 4 }]);
  });

  it("counts those of all events together if no name is given", async ({ expect }) => {
    await someEvents();
    expect((await get(`/stats/properties?${RANGE}`)).body).toMatchObject({ event: null, events: 5 });
  });
});

describe("GET /stats/databases", () => {
  it("tells each database's size, users, lag, and what waits for it", async ({ expect }) => {
    const user = newUser();
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => {
      const { body } = await get("/stats/databases");
      expect(body["databases"][0].lag.last_written_at).not.toBeNull();
    }, 5_000);
    const { body } = await get("/stats/databases");
    expect(body).toMatchObject({
      away: [],
      databases: [{ name: "DB", waiting: { users: 0, events: 0, since: null } }],
    });
    expect(body["databases"][0].bytes).toBeGreaterThan(1_000);
    expect(body["databases"][0].users).toBeGreaterThan(0);
    expect(body["databases"][0].lag.median_ms).toBeGreaterThanOrEqual(0);
  });
});
