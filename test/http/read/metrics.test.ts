import { env, exports } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { anEvent, newUser, requestWith, rowsOf, track } from "../../tracklog.ts";
import { metricsText } from "../../../src/http/read/metrics-text.ts";

async function scraped(): Promise<string> {
  const response = await exports.default.fetch("https://tracklog.test/metrics");
  return response.text();
}

function valueOf(text: string, line: string): number {
  const found = text.split("\n").find((candidate) => candidate.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

describe("GET /metrics", () => {
  it("counts statements and rows, and knows the database's size", async ({ expect }) => {
    const user = newUser();
    await track([anEvent({ user_id: user }), anEvent({ user_id: user, timestamp: 1 })]);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), 10_000);
    const text = await scraped();
    const lane = '{database="DB",lane="0"}';
    expect(valueOf(text, `tracklog_d1_statements_total${lane}`)).toBeGreaterThan(0);
    expect(valueOf(text, `tracklog_d1_rows_total${lane}`)).toBeGreaterThanOrEqual(2);
    expect(valueOf(text, `tracklog_database_bytes${lane}`)).toBeGreaterThan(0);
    expect(valueOf(text, `tracklog_backlog_users${lane}`)).toBe(0);
    expect(text).toContain("# TYPE tracklog_delivery_lag_seconds histogram\n");
  });

  it("tells of failures and of who waits", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const d1 = vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("Exceeded maximum DB size"));
    await track(anEvent({ user_id: newUser() }));
    await vi.waitFor(
      async () => expect(valueOf(await scraped(), 'tracklog_backlog_events{database="DB",lane="0"}')).toBe(1),
      10_000,
    );
    const failures = 'tracklog_d1_failures_total{database="DB",lane="0",failure="full"}';
    expect(valueOf(await scraped(), failures)).toBe(1);
    d1.mockRestore();
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
