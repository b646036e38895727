import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import contributing from "../CONTRIBUTING.md?raw";
import integrating from "../docs/integrating.md?raw";
import querying from "../docs/querying.md?raw";
import running from "../docs/running.md?raw";
import readme from "../README.md?raw";
import wrangler from "../wrangler.toml?raw";
import { app } from "../src/app.ts";
import * as limits from "../src/limits.ts";
import { rowsOf, track } from "./tracklog.ts";

/** A command that tracks an event in a shell, and the answer that is printed below it. */
const EXAMPLES = [
  ...(readme + integrating).matchAll(/curl http:\/\/localhost:8787\/track --data '([^']+)'\n```\n\n```json\n(.+)\n/g),
].map(([, body, answer]) => ({ body: body!, answer: JSON.parse(answer!) as unknown }));

/** The rows of a page's table with this heading, each its cells' texts. */
function tableOf(page: string, heading: string): string[][] {
  const [rows] = page.slice(page.indexOf(heading)).split("\n\n");
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

/** Every page, by its path from the root. */
const PAGES = Object.fromEntries(
  Object.entries(
    import.meta.glob(["../*.md", "../docs/**/*.md", "../client/*.md"], {
      query: "?raw",
      import: "default",
      eager: true,
    }),
  ).map(([path, text]) => [path.replace("..", ""), text]),
);

const SOURCES = import.meta.glob("../src/**/*.ts");
const TESTS = import.meta.glob("./**/*.test.ts", { query: "?raw", import: "default", eager: true });

/** Other paths that a page may link to. */
const FILES = new Set([
  ...Object.keys(import.meta.glob("../docs/images/*")).map((path) => path.replace("..", "")),
  "/docs/decisions",
]);

/** The names of a page's sections, as they are linked to. */
function anchorsOf(page: string): Set<string> {
  const titles = [...page.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title!);
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, "")
        .replaceAll(/\s/g, "-"),
    ),
  );
}

function grouped(value: number): string {
  return value.toLocaleString("en-US");
}

describe("the documentation", () => {
  it("shows answers that are real, and a query that counts what was tracked", async ({ expect }) => {
    expect(EXAMPLES).toHaveLength(2);
    for (const { body, answer } of EXAMPLES) expect((await track(body)).body).toEqual(answer);
    expect((await track(EXAMPLES[0]!.body)).body).toMatchObject({ status: "duplicate" });

    await vi.waitFor(async () => expect(await rowsOf("ann")).toHaveLength(1), { timeout: 5_000 });
    const [, query] = /```sql\n(.+?)```/s.exec(querying)!;
    const { results } = await env.DB.prepare(query!).all();
    expect(results).toEqual([{ day: "2026-01-02", users: 1 }]);
  });

  it("describes each column of the table in D1", async ({ expect }) => {
    const { results } = await env.DB.prepare("SELECT name FROM pragma_table_info('events')").all<{ name: string }>();
    const described = tableOf(querying, "| column |").flatMap(([names]) => names!.match(/\w+/g)!);
    expect(described.sort()).toEqual(results.map(({ name }) => name).sort());
  });

  it("lists every route besides those of SDKs, and no other", ({ expect }) => {
    const listed = tableOf(readme, "| | | key |").flatMap(([cell]) => {
      const [, methods, path] = /^(.+?)(\/[^`]*)`$/.exec(cell!)!;
      return methods!.match(/[A-Z]+/g)!.map((method) => `${method} ${path}`);
    });
    const ofSdks = /^\/(v1|beacon|sourceConfig|api\/public)\b/;
    const routes = app.routes
      .filter(({ method, path }) => method !== "ALL" && !ofSdks.test(path))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
    expect(listed.sort()).toEqual([...new Set([...routes, "GET /docs", "GET /t.js"])].sort()); // those two are files
  });

  it("states the limits as they are", ({ expect }) => {
    const text = integrating.replaceAll(/\s+/g, " ");
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

  it("has every variable of wrangler.toml in its table of settings, and no other", ({ expect }) => {
    const [, vars] = /^\[vars\]\n(.+?)^\[/ms.exec(wrangler)!;
    const names = [...vars!.matchAll(/^(\w+) = /gm)].map(([, name]) => name!);
    const told = tableOf(running, "| variable |").map(([cell]) => cell!.replaceAll("`", ""));
    expect(told.sort()).toEqual(names.sort());
  });

  it("links only to pages and sections that exist", ({ expect }) => {
    const links = Object.entries(PAGES).flatMap(([path, text]) =>
      [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)].map(([, file, anchor]) => {
        const target = new URL(file || path, `file://${path}`).pathname;
        return { link: `${path}: ${file}#${anchor ?? ""}`, target, anchor };
      }),
    );
    expect(links.length).toBeGreaterThan(30);
    const broken = links.filter(({ target, anchor }) => {
      const page = PAGES[target];
      return page === undefined ? !FILES.has(target) : anchor !== undefined && !anchorsOf(page).has(anchor);
    });
    expect(broken.map(({ link }) => link)).toEqual([]);
  });

  it("names the code and a test for each guarantee, and the test has its number", ({ expect }) => {
    const numbers = [...readme.matchAll(/^- \*\*(G\d+)\./gm)].map(([, number]) => number!);
    const held = tableOf(contributing, "| guarantee |");
    expect(held.map(([guarantee]) => guarantee!.split(" ")[0])).toEqual(numbers);
    for (const [guarantee, code, tests] of held) {
      for (const [, file] of code!.matchAll(/`([^`]+)`/g)) expect(SOURCES, guarantee).toHaveProperty([`../${file}`]);
      for (const [, file] of tests!.matchAll(/`test\/([^`]+)`/g))
        expect(TESTS[`./${file}`], `${guarantee}: ${file}`).toMatch(
          new RegExp(`describe\\(\\s*"[^"]*\\b${guarantee!.split(" ")[0]}\\b`),
        );
    }
  });

  it("keeps the README short", ({ expect }) => {
    expect(readme.split("\n").length).toBeLessThan(250);
  });
});
