import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it, vi } from "vitest";
import { localConfig } from "../../scripts/local-config.ts";
import { READ_KEY, startWorker, WRITE_KEY } from "./running-worker.ts";

type Row = Record<string, unknown>;

/** The columns as D1 has them, with JSON as text. */
const AS_STORED = `SELECT user_id, generation, epoch_ms(timestamp) AS timestamp, event, message_id, seq, revision,
  properties::VARCHAR AS properties, context::VARCHAR AS context, epoch_ms(received_at) AS received_at, source
  FROM events ORDER BY timestamp, user_id, seq`;

let worker: Awaited<ReturnType<typeof startWorker>>;

beforeAll(async () => {
  worker = await startWorker({ configPath: localConfig(), vars: { D1_DAYS: "30" } });
}, 60_000);
afterAll(() => worker.close());

/** Where the script puts what it downloads: in a folder that nobody else uses. */
const TEMPORARY = mkdtempSync(join(tmpdir(), "tracklog-query-test-"));
afterAll(() => rmSync(TEMPORARY, { recursive: true }));

/** The options that name the Worker to the script. */
const deployment = () => ["--url", worker.url, "--key", READ_KEY];

/** Runs `npm run query`, without npm. */
async function query(...options: string[]): Promise<{ code: number | null; out: string; error: string }> {
  const child = spawn(process.execPath, ["scripts/query.ts", ...options], {
    env: { ...process.env, TMPDIR: TEMPORARY, TEMP: TEMPORARY },
  });
  const texts = { out: "", error: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.error += text));
  const code = await new Promise<number | null>((done) => child.on("close", done));
  return { code, ...texts };
}

async function rowsOf(sql: string): Promise<Row[]> {
  const { code, out, error } = await query(...deployment(), "--json", sql);
  if (code !== 0) throw new Error(error);
  return out
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);
}

const foldersLeft = () => readdirSync(TEMPORARY);

describe("npm run query", () => {
  it("reads every column exactly as D1 had it, from the archive and from D1, each event once", async ({ expect }) => {
    const properties = { z: 1, a: [null, true, 1.5, -0.25e-7, 2 ** 53], "": "😀 'q' \"d\" \\ \n\u0000", s: "007" };
    const sent = [
      { event: "007", user_id: "1e3", timestamp: 0, message_id: "0x1", properties },
      { event: "null", user_id: "Zoë 😀", timestamp: "2024-01-02T03:04:05.678Z", properties: {}, context: { b: [{}] } },
      { event: 'recent, "quoted"', user_id: "ann'; --", timestamp: Date.now() - 1, properties, context: properties },
    ];
    const response = await fetch(`${worker.url}/track`, {
      method: "POST",
      body: JSON.stringify(sent),
      headers: { authorization: `Bearer ${WRITE_KEY}` },
    });
    expect(response.status).toBe(200);
    await vi.waitFor(async () => expect(await worker.rows()).toHaveLength(3), 10_000);
    const stored = (await worker.rows()).map((row) =>
      Object.fromEntries(Object.entries(row).filter(([name]) => name !== "written_at")),
    );
    const inOrder = stored.toSorted((a, b) => Number(a["timestamp"]) - Number(b["timestamp"]));
    expect(await rowsOf(AS_STORED)).toEqual(inOrder); // all from D1

    await worker.run("UPDATE events SET written_at = 0");
    const archived = await fetch(`${worker.url}/archive/run`, {
      method: "POST",
      headers: { authorization: `Bearer ${READ_KEY}` },
    });
    expect(await archived.json()).toMatchObject({ rows: 2 });
    expect(await worker.rows()).toHaveLength(1);
    expect(await rowsOf(AS_STORED)).toEqual(inOrder); // two from the archive
    expect(await rowsOf("SELECT count(*) AS n, typeof(any_value(timestamp)) AS t FROM events")).toEqual([
      { n: 3, t: "TIMESTAMP" },
    ]);
  });

  it("prints a table, or CSV", async ({ expect }) => {
    expect((await query(...deployment(), "SELECT 1 AS one")).out).toBe("one\n───\n1\n(1 row)\n");
    expect((await query(...deployment(), "--csv", "SELECT 1 AS one")).out).toBe("one\r\n1\r\n");
  });

  it.for([
    ["no query", [], "Give one query in quotes"],
    ["two queries", ["SELECT 1; SELECT 2"], "Give one query: there are 2"],
    ["two arguments", ["SELECT", "1"], "Give one query in quotes"],
    ["an unknown flag", ["--yaml", "SELECT 1"], "Unknown option '--yaml'"],
    ["two formats", ["--csv", "--json", "SELECT 1"], "not both"],
    ["a query with a fault", ["SELECT nope FROM events"], 'Referenced column "nope" not found'],
    ["no address", ["--url", "localhost", "SELECT 1"], "--url must be an address"],
    ["a wrong key", ["--key", "wrong", "SELECT 1"], "The key that was sent is not in READ_KEYS"],
    ["a server that is not there", ["--url", "http://127.0.0.1:9", "SELECT 1"], "cannot be reached"],
  ] as const)(
    "says in one line what is wrong with %s, and leaves nothing behind",
    async ([, options, text], { expect }) => {
      const { code, out, error } = await query(...(options.includes("--url" as never) ? [] : deployment()), ...options);
      expect(code).toBe(1);
      expect(out).toBe("");
      expect(error).toContain(text);
      expect(error.trimEnd().split("\n")).toHaveLength(1);
      expect(foldersLeft()).toEqual([]);
    },
  );
});
