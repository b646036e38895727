import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { version } from "../../../package.json";
import { app } from "../../../src/app.ts";
import { anEvent, delivered, inStorage, newUser, requestWith, rowsOf, track, userLog } from "../../tracklog.ts";
import { metricsText } from "../../../src/http/read/metrics-text.ts";

/** Uses bindings of its own, so that no remembered answer is returned. */
async function scraped(settings: Partial<Env> = {}): Promise<string> {
  const response = await app.request("/metrics", {}, { ...env, ...settings });
  return response.text();
}

function valueOf(text: string, line: string): number {
  const found = text.split("\n").find((candidate) => candidate.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

async function lagSum(): Promise<number> {
  return valueOf(await scraped(), 'tracklog_delivery_lag_seconds_sum{database="DB",lane="0"}');
}

describe("GET /metrics", () => {
  it("counts statements and rows, and knows the database's size", async ({ expect }) => {
    const user = newUser();
    await track([anEvent({ user_id: user }), anEvent({ user_id: user, timestamp: 1 })]);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), 10_000);
    const text = await scraped();
    const [database, lane] = ['{database="DB"}', '{database="DB",lane="0"}'];
    expect(valueOf(text, `tracklog_d1_statements_total${lane}`)).toBeGreaterThan(0);
    expect(valueOf(text, `tracklog_d1_rows_total${lane}`)).toBeGreaterThanOrEqual(2);
    expect(valueOf(text, `tracklog_database_bytes${database}`)).toBeGreaterThan(0);
    expect(valueOf(text, `tracklog_backlog_users${database}`)).toBe(0);
    expect(text).toContain("# TYPE tracklog_delivery_lag_seconds histogram\n");
    const written = valueOf(text, `tracklog_database_last_write_timestamp_seconds${database}`);
    expect(written).toBeGreaterThan(1.7e9);
    expect(written).toBeLessThan(1e11); // in seconds, not milliseconds
    expect(valueOf(text, `tracklog_database_ok${database}`)).toBe(1);
    expect(valueOf(text, `tracklog_writer_up${lane}`)).toBe(1);
  });

  it("times the way to D1, also where D1 was away for a while", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const before = await lagSum();
    const user = newUser();
    const d1 = vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("away"));
    await track(anEvent({ user_id: user }));
    await vi.waitUntil(() => inStorage(user, ({ kv }) => kv.get("failures") !== undefined), 10_000);
    d1.mockRestore();
    await evictDurableObject(userLog(user)); // what memory knew is gone
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    await delivered(user);
    vi.useRealTimers();
    expect((await lagSum()) - before).toBeGreaterThanOrEqual(3_600);
  });

  it("reports which databases are closed", async ({ expect }) => {
    expect(valueOf(await scraped(), 'tracklog_database_closed{database="DB"}')).toBe(0);
    const closed = await scraped({ CLOSED_DATABASES: "DB" });
    expect(valueOf(closed, 'tracklog_database_closed{database="DB"}')).toBe(1);
  });

  it("reports failures and waiting users", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const d1 = vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("Exceeded maximum DB size"));
    await track(anEvent({ user_id: newUser() }));
    await vi.waitFor(
      async () => expect(valueOf(await scraped(), 'tracklog_backlog_events{database="DB"}')).toBe(1),
      10_000,
    );
    expect(valueOf(await scraped(), 'tracklog_database_ok{database="DB"}')).toBe(0);
    const failures = 'tracklog_d1_failures_total{database="DB",lane="0",failure="full"}';
    expect(valueOf(await scraped(), failures)).toBe(1);
    d1.mockRestore();
  });

  it("leaves out what a database did not answer, and says that a writer does not", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const away = { prepare: () => ({ run: () => Promise.reject(new Error("away")) }) } as unknown as D1Database;
    const gone = { getByName: () => ({ status: () => Promise.reject(new Error("gone")) }) };
    const text = await scraped({ DB: away, D1_WRITER: gone as unknown as Env["D1_WRITER"] });
    expect(valueOf(text, 'tracklog_database_ok{database="DB"}')).toBe(0);
    expect(valueOf(text, 'tracklog_writer_up{database="DB",lane="0"}')).toBe(0);
    expect(text).not.toMatch(/tracklog_(database_bytes|d1_statements_total)/);
    expect(text).not.toMatch(/null|NaN|undefined/);
  });

  it("tells which secrets and how many variables cannot be read", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const text = await scraped({ WRITE_KEYS: "site", RETENTION_DAYS: "30d" });
    expect(valueOf(text, 'tracklog_secret_readable{secret="WRITE_KEYS"}')).toBe(0);
    expect(valueOf(text, 'tracklog_secret_readable{secret="READ_KEYS"}')).toBe(1);
    expect(valueOf(text, "tracklog_settings_unreadable")).toBe(1);
    expect(valueOf(text, `tracklog_info{version="${version}"}`)).toBe(1);
  });

  it("needs a read key", async ({ expect }) => {
    const response = await requestWith({ READ_KEYS: "a:r1" }, "/metrics");
    expect(response.status).toBe(401);
  });
});

describe("the text format", () => {
  it("escapes what a label may hold", ({ expect }) => {
    const samples = [{ labels: { name: 'a"b\\c\nd' }, value: 1 }];
    expect(metricsText([{ name: "m", help: "h", type: "gauge", samples }])).toBe(
      '# HELP m h\n# TYPE m gauge\nm{name="a\\"b\\\\c\\nd"} 1\n',
    );
  });
});
