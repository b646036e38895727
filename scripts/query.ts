import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { fail } from "./ask-deployment.ts";
import { parseOptions } from "./parse-options.ts";
import { downloadEvents } from "./query/download-events.ts";
import { createViews } from "./query/create-views.ts";
import { csvOf, jsonOf, tableOf } from "./query/print-rows.ts";

// `npm run query -- [--url URL] [--key KEY] [--csv | --json] "SELECT …"`: runs DuckDB over the archive and D1 together,
// in a view `events` that has each event once.

const options = {
  url: { type: "string", default: "http://localhost:8787" },
  key: { type: "string" },
  csv: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

const { values, positionals } = parseOptions({ options, allowPositionals: true });
const [query, ...others] = positionals;
if (!query || others.length > 0) fail('Give one query in quotes: npm run query -- "SELECT count(*) FROM events"');
if (values.csv && values.json) fail("Use --csv or --json, not both");

const folder = await mkdtemp(join(tmpdir(), "tracklog-query-"));
// Also if the script ends early, because the folder has everybody's events.
process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

const files = await downloadEvents(values.url, values.key, folder).catch((error: unknown) =>
  fail(`The events cannot be downloaded: ${(error as Error).message}`),
);
const connection = await (await DuckDBInstance.create()).connect();
await createViews(connection, files);
const reader = await run(query).catch((error: unknown) => fail(oneLine((error as Error).message)));
const types = reader.columnTypes();
const columns = reader.deduplicatedColumnNames().map((name, index) => ({
  name,
  type: types[index]!.alias ?? types[index]!.toString(),
}));
const rows = reader.getRowsJson();
process.stdout.write(values.json ? jsonOf(columns, rows) : values.csv ? csvOf(columns, rows) : tableOf(columns, rows));

async function run(sql: string) {
  const { count } = await connection.extractStatements(sql);
  if (count !== 1) fail(`Give one query: there are ${count}`);
  return connection.runAndReadAll(sql);
}

/** DuckDB's message without the quotation of the query. */
function oneLine(message: string): string {
  return message
    .split("\n\nLINE ")[0]!
    .trim()
    .replaceAll(/\s*\n\s*/g, " ");
}
