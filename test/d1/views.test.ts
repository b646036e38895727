import { env } from "cloudflare:workers";
import { beforeEach, describe, it } from "vitest";
import { formatTimestamp } from "../../src/event/timestamp.ts";
import { emptyD1, insertInto } from "./events-in-d1.ts";

beforeEach(() => emptyD1(env.DB));

async function select(sql: string): Promise<Record<string, unknown>[]> {
  return (await env.DB.prepare(sql).all()).results;
}

async function columnsOf(table: string) {
  return (await select(`SELECT name FROM pragma_table_info('${table}')`)).map(({ name }) => name);
}

const carrying = (anonymousId: unknown) => JSON.stringify({ anonymousId });
const at = (time: string) => Date.parse(time);

describe("the view events_readable", () => {
  it("shows times to the millisecond, as the API does", async ({ expect }) => {
    const times = [0, 1, 999, 1_767_323_045_678, 1_767_323_045_999, 4_102_444_799_999, 253_402_300_799_999];
    for (let i = 0; i < 400; i++) times.push(1_700_000_000_000 + i * 86_399_987);
    await insertInto(env.DB, ...times.map((timestamp, i) => ({ seq: i + 1, timestamp, received_at: timestamp })));
    const rows = await select("SELECT time, received, day, timestamp FROM events_readable");
    expect(rows).toHaveLength(times.length);
    for (const { time, received, day, timestamp } of rows) {
      expect(time).toBe(formatTimestamp(timestamp as number));
      expect(received).toBe(time);
      expect(day).toBe((time as string).slice(0, 10));
    }
  });

  it("shows the Monday of the week", async ({ expect }) => {
    for (const [i, day] of ["2026-01-04", "2026-01-05", "2026-01-06", "2026-01-11", "2026-01-12"].entries())
      await insertInto(env.DB, { seq: i + 1, timestamp: at(`${day}T23:59:59Z`) });
    const weeks = (await select("SELECT week FROM events_readable ORDER BY timestamp")).map(({ week }) => week);
    expect(weeks).toEqual(["2025-12-29", "2026-01-05", "2026-01-05", "2026-01-05", "2026-01-12"]);
  });

  it("has every column of the table, and reads only the rows that a condition on the time selects", async ({
    expect,
  }) => {
    const own = await columnsOf("events_readable");
    const asText = ["received_at", "written_at"];
    for (const column of await columnsOf("events")) expect([...own, ...asText]).toContain(column);
    for (const column of asText) expect(own).toContain(column.replace("_at", ""));
    await insertInto(env.DB, ...Array.from({ length: 500 }, (_, i) => ({ seq: i + 1, timestamp: i })));
    const { meta } = await env.DB.prepare("SELECT time, day, week FROM events_readable WHERE timestamp >= 490").all();
    expect(meta.rows_read).toBeLessThan(20);
  });
});

describe("the view users", () => {
  it("has one row for each user, with the first and last time and the number of events", async ({ expect }) => {
    await insertInto(
      env.DB,
      { user_id: "ann", seq: 1, timestamp: at("2026-01-02T03:04:05.678Z") },
      { user_id: "ann", seq: 2, timestamp: at("2025-01-02T03:04:05.678Z") },
      { user_id: "bob", timestamp: 0 },
    );
    const nothing = { email: null, name: null, first_name: null, last_name: null };
    expect(await select("SELECT * FROM users ORDER BY user_id")).toEqual([
      {
        user_id: "ann",
        first_seen: "2025-01-02T03:04:05.678Z",
        last_seen: "2026-01-02T03:04:05.678Z",
        events: 2,
        ...nothing,
      },
      {
        user_id: "bob",
        first_seen: "1970-01-01T00:00:00.000Z",
        last_seen: "1970-01-01T00:00:00.000Z",
        events: 1,
        ...nothing,
      },
    ]);
  });

  it("shows the latest value of each property by the event's time, then by its number", async ({ expect }) => {
    const events = [
      { timestamp: 99, properties: { email: "at-99", name: "Ann" } },
      { timestamp: 100, properties: { email: "first-at-100", last_name: "O" } },
      { timestamp: 100, properties: { email: "second-at-100", name: null } },
      { timestamp: 5, properties: { email: "late", first_name: "Ann" } },
    ];
    await insertInto(
      env.DB,
      ...events.map(({ timestamp, properties }, i) => ({
        seq: i + 9, // nine and ten, which would be in the wrong order as texts
        timestamp,
        properties: JSON.stringify(properties),
      })),
    );
    expect(await select("SELECT email, name, first_name, last_name FROM users")).toEqual([
      { email: "second-at-100", name: "Ann", first_name: "Ann", last_name: "O" },
    ]);
  });

  it("reads Segment's names of properties in identify, and in no other event", async ({ expect }) => {
    const properties = JSON.stringify({ firstName: "Ann", lastName: "Ops", email: "ann@example.com" });
    await insertInto(env.DB, { user_id: "ann", event: "identify", properties }, { user_id: "bob", properties });
    expect(await select("SELECT first_name, last_name, email FROM users ORDER BY user_id")).toEqual([
      { first_name: "Ann", last_name: "Ops", email: "ann@example.com" },
      { first_name: null, last_name: null, email: "ann@example.com" },
    ]);
  });
});

describe("the view identities", () => {
  it("joins the ids of events that have both, and of aliases", async ({ expect }) => {
    await insertInto(
      env.DB,
      { user_id: "anon-1", seq: 1 },
      { user_id: "ann", seq: 1, timestamp: 1, event: "identify", context: carrying("anon-1") },
      { user_id: "ann", seq: 2, timestamp: 2, context: carrying("anon-1") },
      { user_id: "ann", seq: 3, timestamp: 3, context: carrying("anon-2") },
      { user_id: "bob", seq: 1, timestamp: 4, context: carrying("anon-2") },
      { user_id: "bob", seq: 2, timestamp: 5, event: "alias", properties: '{"previous_id":"old-bob"}' },
      { user_id: "bob", seq: 3, timestamp: 6, event: "other", properties: '{"previous_id":"nobody"}' },
      { user_id: "bob", seq: 4, timestamp: 7, context: carrying("bob") },
      { user_id: "bob", seq: 5, timestamp: 8, context: carrying(7) },
    );
    expect(await select("SELECT * FROM identities ORDER BY anonymous_id, user_id")).toEqual([
      { anonymous_id: "7", user_id: "bob", first_seen: formatTimestamp(8), last_seen: formatTimestamp(8) },
      { anonymous_id: "anon-1", user_id: "ann", first_seen: formatTimestamp(1), last_seen: formatTimestamp(2) },
      { anonymous_id: "anon-2", user_id: "ann", first_seen: formatTimestamp(3), last_seen: formatTimestamp(3) },
      { anonymous_id: "anon-2", user_id: "bob", first_seen: formatTimestamp(4), last_seen: formatTimestamp(4) },
      { anonymous_id: "old-bob", user_id: "bob", first_seen: formatTimestamp(5), last_seen: formatTimestamp(5) },
    ]);
  });
});
