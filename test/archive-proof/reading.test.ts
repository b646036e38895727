import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, it } from "vitest";
import { createViews } from "../../scripts/query/create-views.ts";
import { downloadEvents } from "../../scripts/query/download-events.ts";
import { runScript } from "../scripts/run-script.ts";
import { Deployment, type SentEvent } from "./deployment.ts";
import { compareWithLogs } from "./oracle.ts";

const DAY_MS = 86_400_000;
const USERS = 60;
const NAMES = ["signed_up", "project_created", "paid", "page_viewed"];
/**
 * The days after a user's first day on which something happens. Some pay in time, some too late, and others never
 * begin.
 */
const COURSES = [
  [0, 2, 5, 5, 33, 70],
  [0, 2, 9, 33],
  [0, 9, 33, 33, 70],
];

let deployment: Deployment;
let folder: string;
let querying: string;
/** What all users did. Half a year is in the archive, except its last days and late events. */
const sent: SentEvent[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracklog-reading-"));
  querying = await readFile("docs/querying.md", "utf8");
  deployment = await Deployment.start(["DB_1"]);
  for (let user = 0; user < USERS; user++) {
    const began = Date.UTC(2024, 0, 1 + (user % 4) * 40);
    const own = COURSES[user % 3]!.map((day, n): SentEvent => ({
      user_id: `user-${user}`,
      event: NAMES[Math.min(n, 3)]!,
      timestamp: new Date(began + day * DAY_MS + user * 1_000 + n).toISOString(),
      properties: { n },
    }));
    sent.push(...own);
    await deployment.track(own);
  }
  await deployment.settled();
  await deployment.age();
  for (const database of deployment.databases) await deployment.archiveAll(database);
  // These stay in D1: an update and an event of archived days, and an event of today.
  const [first] = sent;
  const late = { ...first!, event: "late", timestamp: "2024-01-01T11:00:00.000Z", properties: {} };
  const today = { ...first!, event: "today", timestamp: new Date().toISOString(), properties: {} };
  first!.properties = { n: 0, plan: "pro" };
  sent.push(late, today);
  await deployment.track([first!, late, today]);
  await deployment.settled();
});

afterAll(async () => {
  await deployment.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The code blocks of a language below a heading. */
function blocksOf(heading: string, language = "sql"): string[] {
  const section = querying.slice(querying.indexOf(heading) + heading.length).split(/\n##? /)[0]!;
  return [...section.matchAll(new RegExp(`\`\`\`${language}\\n([^]+?)\`\`\``, "g"))].map(([, text]) => text!);
}

async function rowsOf(connection: DuckDBConnection, sql: string): Promise<unknown[]> {
  return (await connection.runAndReadAll(sql)).getRowsJson();
}

async function withViews<T>(use: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const own = await mkdtemp(join(folder, "query-"));
  const connection = await (await DuckDBInstance.create()).connect();
  await createViews(connection, await downloadEvents(deployment.url, undefined, own));
  try {
    return await use(connection);
  } finally {
    connection.closeSync();
  }
}

const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const monthsOf = (month: string) => Number(month.slice(0, 4)) * 12 + Number(month.slice(5, 7));
const monthOf = (timestamp: string) => `${timestamp.slice(0, 7)}-01`;
const weekOf = (timestamp: string) => {
  const day = Math.floor(Date.parse(timestamp) / DAY_MS);
  return dateOf((day - ((day + 3) % 7)) * DAY_MS);
};

function grouped<T>(of: readonly T[], keyOf: (one: T) => string): [string, T[]][] {
  return [...Map.groupBy(of, keyOf)].sort(([a], [b]) => (a < b ? -1 : 1));
}

function usersOf(events: readonly SentEvent[]): number {
  return new Set(events.map(({ user_id }) => user_id)).size;
}

describe("two databases and their archives, read together", () => {
  it("have users in both, and events in D1 and in files", async ({ expect }) => {
    const { body } = await deployment.ask("GET", "/archive/manifest");
    const rows = (body["manifests"] as { objects: { rows: number }[] }[]).map(({ objects }) =>
      objects.reduce((sum, object) => sum + object.rows, 0),
    );
    expect(Math.min(...rows)).toBeGreaterThan(50);
    expect(rows[0]! + rows[1]!).toBe(sent.length - 2);
  });

  it("have each event once, in its latest revision", async ({ expect }) => {
    expect(await compareWithLogs(deployment)).toEqual([]);
  });

  it("are read by npm run query", async ({ expect }) => {
    const query = `SELECT count(*) AS events, count(DISTINCT user_id) AS users, max(revision) AS revision,
      count(*) FILTER (properties->>'plan' = 'pro') AS pro FROM events`;
    const { code, output, errors } = await runScript("scripts/query.ts", ["--url", deployment.url, "--json", query]);
    expect([code, errors]).toEqual([0, ""]);
    expect(JSON.parse(output)).toEqual({ events: sent.length, users: USERS, revision: 2, pro: 1 });
  });

  it("are both in a user's export, archived or not", async ({ expect }) => {
    const response = await fetch(`${deployment.url}/users/user-0/export`);
    const lines = (await response.text())
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const own = sent.filter(({ user_id }) => user_id === "user-0");
    const exported = lines.filter(({ kind }) => kind === "event").map((line) => [line["event"], line["timestamp"]]);
    const expected = own.map(({ event, timestamp }) => [event, timestamp]);
    expect(exported.map(String).sort()).toEqual(expected.map(String).sort());
    expect(lines.at(-1)).toMatchObject({ kind: "end", events: own.length });
  });
});

describe("the recipes of docs/querying.md, over the archive and D1", () => {
  it("count the users of each week", async ({ expect }) => {
    const [sql] = blocksOf("### Users of each week");
    const found = await withViews((connection) => rowsOf(connection, sql!));
    const expected = grouped(sent, ({ timestamp }) => weekOf(timestamp));
    expect(found.map((row) => (row as unknown[]).map(String))).toEqual(
      expected.map(([week, events]) => [week, String(usersOf(events)), String(events.length)]),
    );
    expect(found.length).toBeGreaterThan(10);
  });

  it("follow users through a funnel", async ({ expect }) => {
    const [sql] = blocksOf("### A funnel, month by month");
    const found = await withViews((connection) => rowsOf(connection, sql!));
    const counts = new Map<string, [number, number, number]>();
    for (const [, own] of grouped(sent, ({ user_id }) => user_id)) {
      const first = (event: string, from: number, to: number) =>
        Math.min(
          ...own
            .filter((one) => one.event === event)
            .map(({ timestamp }) => Date.parse(timestamp))
            .filter((at) => at >= from && at <= to),
        );
      const signedUp = first("signed_up", 0, Infinity);
      const count = counts.get(monthOf(new Date(signedUp).toISOString())) ?? [0, 0, 0];
      counts.set(monthOf(new Date(signedUp).toISOString()), count);
      count[0]++;
      const created = first("project_created", signedUp, signedUp + 7 * DAY_MS);
      if (created === Infinity) continue;
      count[1]++;
      if (first("paid", created, signedUp + 7 * DAY_MS) < Infinity) count[2]++;
    }
    expect(found.map((row) => (row as unknown[]).map(String))).toEqual(
      [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([month, count]) => [month, ...count.map(String)]),
    );
    const [created, paid] = [1, 2].map((step) => [...counts.values()].reduce((sum, count) => sum + count[step]!, 0));
    expect([created! > paid!, paid! > 0]).toEqual([true, true]);
  });

  it("follow cohorts", async ({ expect }) => {
    const [sql] = blocksOf("### Who comes back");
    const found = await withViews((connection) => rowsOf(connection, sql!));
    const expected = new Map<string, number>();
    for (const [, own] of grouped(sent, ({ user_id }) => user_id)) {
      const months = [...new Set(own.map(({ timestamp }) => monthOf(timestamp)))].sort();
      for (const month of months) {
        const key = `${months[0]} ${monthsOf(month) - monthsOf(months[0]!)}`;
        expected.set(key, (expected.get(key) ?? 0) + 1);
      }
    }
    expect(
      new Map(
        found.map((row) => [
          `${String((row as string[])[0])} ${String((row as string[])[1])}`,
          Number((row as string[])[2]),
        ]),
      ),
    ).toEqual(expected);
  });

  it("give the same results directly from the bucket, as in a notebook", async ({ expect }) => {
    const bucket = await deployment.server.archive();
    const { objects } = await bucket.list();
    for (const { key } of objects) {
      const file = join(folder, "bucket", key);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, Buffer.from(await (await bucket.get(key))!.arrayBuffer()));
    }
    const recent = await fetch(`${deployment.url}/events?order=time`, { headers: { accept: "application/x-ndjson" } });
    await writeFile(join(folder, "recent.ndjson"), await recent.text());
    const here = (sql: string) =>
      sql
        .replaceAll("r2://tracklog-archive/", `${folder}/bucket/`)
        .replaceAll("'recent.ndjson'", `'${folder}/recent.ndjson'`);
    const [, views, few] = blocksOf("## In a notebook");
    const connection = await (await DuckDBInstance.create()).connect();
    await connection.run(here(views!));
    const all = "SELECT user_id, seq, revision, event, timestamp, properties, context, source FROM events ORDER BY ALL";
    expect(await rowsOf(connection, all)).toEqual(await withViews((other) => rowsOf(other, all)));
    const january = sent.filter(({ timestamp, event }) => timestamp < "2024-02-01" && event !== "late");
    const expected = grouped(january, ({ timestamp }) => timestamp.slice(0, 10));
    expect((await rowsOf(connection, few!)).map((row) => (row as unknown[]).map(String))).toEqual(
      expected.map(([day, events]) => [day, String(usersOf(events))]),
    );
    connection.closeSync();
  });
});
