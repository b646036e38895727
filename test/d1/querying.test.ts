import { env } from "cloudflare:workers";
import { beforeAll, describe, it } from "vitest";
import querying from "../../docs/querying.md?raw";
import { emptyD1 } from "./events-in-d1.ts";

const EVENTS = 100_000;
const USERS = 4_000;
const DAYS = 30;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** How many events a day has, because the generated events are evenly spread. */
const PER_DAY = EVENTS / DAYS;

interface Row {
  user_id: string;
  event: string;
  timestamp: number;
  plan: string | null;
}

let rows: Row[];
/** The beginning of the UTC day by D1's clock, which the queries use. */
let today: number;

beforeAll(async () => {
  await emptyD1(env.DB);
  today = (await env.DB.prepare("SELECT unixepoch('now', 'start of day') * 1000 AS ms").first<number>("ms"))!;
  // Each user signs up first, and the rest is drawn from a hash of the number. A known user had another id before.
  await env.DB.prepare(
    `INSERT INTO events (timestamp, generation, seq, user_id, revision, event, properties, context, received_at, written_at)
     WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${EVENTS} - 1),
     drawn AS (SELECT n, n * 7919 % ${USERS} AS user, (n * n % 65521 * 2654435761 % 4294967296) * 100 / 4294967296 AS hash FROM numbers)
     SELECT ?1 - ${DAYS - 1} * ${DAY_MS} + n * ${DAYS * DAY_MS} / ${EVENTS}, 1 + user, n, iif(n % 50 = 49, 'anonymous-', 'user-') || user, 1,
       CASE WHEN n % 11 = 0 AND n < ${EVENTS * 0.8} THEN 'signed_up' WHEN hash < 10 THEN 'paid' WHEN hash < 30 THEN 'project_created'
         ELSE 'page_viewed' END,
       CASE hash % 3 WHEN 0 THEN '{}' WHEN 1 THEN '{"plan":"pro"}' ELSE '{"plan":"free"}' END,
       iif(n % 50 = 0, json_object('anonymousId', 'anonymous-' || user), '{}'), 0, 0
     FROM drawn`,
  )
    .bind(today)
    .run();
  rows = (
    await env.DB.prepare("SELECT user_id, event, timestamp, properties ->> 'plan' AS plan FROM events").all<Row>()
  ).results;
}, 60_000);

/** Runs the query that is printed under a heading or after a text. `days` is how many days' rows it has read. */
async function ask(heading: string) {
  const [, sql] = /```sql\n([^]+?)```/.exec(querying.slice(querying.indexOf(heading)))!;
  const { results, meta } = await env.DB.prepare(sql!).all();
  return { results, days: meta.rows_read / PER_DAY };
}

const since = (days: number) => rows.filter(({ timestamp }) => timestamp >= today - days * DAY_MS);
const yesterday = () => since(1).filter(({ timestamp }) => timestamp < today);
const usersOf = (some: Row[]) => new Set(some.map(({ user_id }) => user_id)).size;
const hourOf = ({ timestamp, event }: Row) => `${new Date(timestamp).toISOString().slice(11, 13)}:00 ${event}`;
/** Weeks since the Monday before 1970. */
const weekOf = (timestamp: number) => Math.floor((Math.floor(timestamp / DAY_MS) + 3) / 7);
const dayOf = (timestamp: number) => new Date(timestamp).toISOString().slice(0, 10);

function grouped(some: Row[], keyOf: (row: Row) => string): [string, Row[]][] {
  return Object.entries(Object.groupBy(some, keyOf)).map(([key, group]) => [key, group!]);
}

function sorted(values: unknown[]): string[] {
  return values.map((value) => JSON.stringify(value)).toSorted();
}

describe("the queries of docs/querying.md, against 100,000 events", () => {
  it("count the users of each day, and read those days", async ({ expect }) => {
    const { results, days } = await ask("## How many users are active each day");
    const expected = grouped(since(7), ({ timestamp }) => dayOf(timestamp));
    expect(sorted(results)).toEqual(sorted(expected.map(([day, some]) => ({ day, users: usersOf(some) }))));
    expect(days).toBeLessThan(17); // each row is read once more for the grouping
  });

  it("count yesterday's users, and read that day", async ({ expect }) => {
    const { results, days } = await ask("## How many users were active yesterday");
    expect(results).toEqual([{ users: usersOf(yesterday()) }]);
    expect(days).toBeLessThan(1.01);
  });

  it("count yesterday's events by hour, and read that day", async ({ expect }) => {
    const { results, days } = await ask("## Yesterday's events by hour");
    const expected = grouped(yesterday(), hourOf).map(([key, some]) => {
      const [hour, event] = key.split(" ");
      return { hour, event, events: some.length };
    });
    expect(sorted(results)).toEqual(sorted(expected));
    expect(days).toBeLessThan(2.1);
  });

  it("count what happened since yesterday, and read those two days", async ({ expect }) => {
    const { results, days } = await ask("## What has happened since yesterday");
    const expected = grouped(since(1), ({ event }) => event).map(([event, some]) => ({
      event,
      events: some.length,
      users: usersOf(some),
    }));
    expect(sorted(results)).toEqual(sorted(expected));
    expect(days).toBeLessThan(4.1);
  });

  it("count the values of a property", async ({ expect }) => {
    const { results, days } = await ask("## A property, broken down");
    const paid = since(7).filter(({ event }) => event === "paid");
    const expected = grouped(paid, ({ plan }) => plan ?? "none").map(([plan, some]) => ({
      plan,
      events: some.length,
      users: usersOf(some),
    }));
    expect(sorted(results)).toEqual(sorted(expected));
    expect(days).toBeLessThan(11);
  });

  it("follow users through a funnel", async ({ expect }) => {
    const { results, days } = await ask("## A funnel within seven days");
    const recent = grouped(since(14), ({ user_id }) => user_id);
    const count = { signed_up: 0, created: 0, paid: 0 };
    for (const [, own] of recent) {
      const first = (event: string, from: number, to: number) =>
        own
          .filter((row) => row.event === event && row.timestamp >= from && row.timestamp <= to)
          .reduce((least, { timestamp }) => Math.min(least, timestamp), Infinity);
      const signedUp = first("signed_up", 0, today - WEEK_MS - 1);
      if (signedUp === Infinity) continue;
      count.signed_up++;
      const created = first("project_created", signedUp, signedUp + WEEK_MS);
      if (created === Infinity) continue;
      count.created++;
      if (first("paid", created, signedUp + WEEK_MS) < Infinity) count.paid++;
    }
    expect(results).toEqual([count]);
    expect(count.paid).toBeGreaterThan(100);
    expect(days).toBeLessThan(45); // fifteen days, and the rows that the steps read from each other
  });

  it("follow weekly cohorts", async ({ expect }) => {
    const { results, days } = await ask("## Weekly cohorts");
    const expected = new Map<string, number>();
    for (const [, own] of grouped(since(28), ({ user_id }) => user_id)) {
      const signUps = own.filter(({ event }) => event === "signed_up").map(({ timestamp }) => weekOf(timestamp));
      if (signUps.length === 0) continue;
      const cohort = Math.min(...signUps);
      for (const week of new Set(own.map(({ timestamp }) => weekOf(timestamp))))
        if (week >= cohort) {
          const key = `${dayOf((cohort * 7 - 3) * DAY_MS)} ${week - cohort}`;
          expected.set(key, (expected.get(key) ?? 0) + 1);
        }
    }
    const found = results.map((row) => [`${row["cohort"] as string} ${row["weeks_later"] as number}`, row["users"]]);
    expect(new Map(found as [string, number][])).toEqual(expected);
    expect(days).toBeLessThan(85);
  });

  it("follow one user, and read only the days in the condition", async ({ expect }) => {
    const { results, days } = await ask("## One user's path");
    expect(results).toHaveLength(since(1).filter(({ user_id }) => user_id === "user-7").length);
    expect(results.length).toBeGreaterThan(0);
    expect(days).toBeLessThan(2.1);
  });

  it("keep a copy of a view, and count people under the id that they got later", async ({ expect }) => {
    await ask("keep a copy of your own");
    const copied = await env.DB.prepare("SELECT count(*) AS n, sum(events) AS events FROM my_users").first();
    expect(copied).toEqual({ n: usersOf(rows), events: EVENTS });
    await env.DB.prepare("DROP TABLE my_users").run();

    const { results } = await ask("before they were known");
    expect(results).toHaveLength(10);
    const all = await env.DB.prepare("SELECT count(*) AS n FROM identities").first("n");
    expect(all).toBeGreaterThan(0);
  });
});
