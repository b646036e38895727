import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import readme from "../README.md?raw";
import { app } from "../src/app.ts";
import * as limits from "../src/limits.ts";
import { rowsOf, track } from "./tracklog.ts";

/** What is tracked in a shell, and the answer that is printed below it. */
const EXAMPLES = [
  ...readme.matchAll(/curl http:\/\/localhost:8787\/track --data '([^']+)'\n```\n\n```json\n(.+)\n/g),
].map(([, body, answer]) => ({ body: body!, answer: JSON.parse(answer!) as unknown }));

/** The rows of the table with this heading, each its cells' texts. */
function tableOf(heading: string): string[][] {
  const [rows] = readme.slice(readme.indexOf(heading)).split("\n\n");
  return rows!
    .split("\n")
    .slice(2)
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

describe("the README", () => {
  it("shows answers that are real, and a query that counts what was tracked", async ({ expect }) => {
    expect(EXAMPLES).toHaveLength(2);
    for (const { body, answer } of EXAMPLES) expect((await track(body)).body).toEqual(answer);
    expect((await track(EXAMPLES[0]!.body)).body).toMatchObject({ status: "duplicate" });

    await vi.waitFor(async () => expect(await rowsOf("ann")).toHaveLength(1), { timeout: 5_000 });
    const [, query] = /```sql\n(.+?)```/s.exec(readme)!;
    const { results } = await env.DB.prepare(query!).all();
    expect(results).toEqual([{ day: "2026-01-02", users: 1 }]);
  });

  it("describes each column of the table in D1", async ({ expect }) => {
    const { results } = await env.DB.prepare("SELECT name FROM pragma_table_info('events')").all<{ name: string }>();
    const described = tableOf("| column |").flatMap(([names]) => names!.match(/\w+/g)!);
    expect(described.sort()).toEqual(results.map(({ name }) => name).sort());
  });

  it("lists every route besides those of SDKs, and no other", ({ expect }) => {
    const listed = tableOf("| | | key |").flatMap(([cell]) => {
      const [, methods, path] = /^(.+?)(\/[^`]*)`$/.exec(cell!)!;
      return methods!.match(/[A-Z]+/g)!.map((method) => `${method} ${path}`);
    });
    const ofSdks = /^\/(v1|beacon|sourceConfig|api\/public)\b/;
    const routes = app.routes
      .filter(({ method, path }) => method !== "ALL" && !ofSdks.test(path))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    expect(listed.sort()).toEqual([...new Set([...routes, "GET /docs", "GET /t.js"])].sort()); // those two are files
  });

  it("tells the limits as they are", ({ expect }) => {
    const text = readme.replaceAll(/\s+/g, " ");
    expect(text).toContain(
      `A request: ${limits.MAX_REQUEST_BYTES / 2 ** 20} MiB inflated, ${limits.MAX_REQUEST_EVENTS} events.`,
    );
    expect(text).toContain(
      `An event: ${limits.MAX_EVENT_BYTES / 2 ** 10} KiB, ${limits.MAX_NESTING_LEVELS} levels of nesting.`,
    );
    expect(text).toContain(
      `A user: ${limits.DEFAULT_RATE_LIMIT_EVENTS_PER_SECOND} events a second, ${grouped(limits.DEFAULT_RATE_LIMIT_BURST_EVENTS)} at once`,
    );
    expect(text).toContain(
      `A key: ${grouped(limits.KEY_RATE_LIMIT_REQUESTS)} requests in ${limits.KEY_RATE_LIMIT_PERIOD_S} seconds`,
    );
  });
});
