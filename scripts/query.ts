import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { fail } from "./ask-deployment.ts";
import { parseOptions } from "./parse-options.ts";
import { downloadEvents } from "./query/download-events.ts";
import { createViews } from "./query/create-views.ts";
import { csvOf, jsonOf, tableOf } from "./query/print-rows.ts";

// `npm run query -- [--url URL] [--key KEY] [--csv | --json] "SELECT …"`: DuckDB over everything that there is, the
// archive and D1 together, in a view `events` that has each event once.

const options = {
  url: { type: "string", default: "http://localhost:8787" },
  key: { type: "string" },
  csv: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

const { values, positionals } = parseOptions({ options, allowPositionals: true });
const [query, ...others] = positionals;
if (!query || others.length > 0) fail('Say one query, in quotes: npm run query -- "SELECT count(*) FROM events"');

const folder = await mkdtemp(join(tmpdir(), "tracklog-query-"));
try {
  const files = await downloadEvents(values.url, values.key, folder);
  const connection = await (await DuckDBInstance.create()).connect();
  await createViews(connection, files);
  const reader = await connection.runAndReadAll(query).catch((error: unknown) => fail((error as Error).message));
  const columns = reader.columnNames();
  const rows = reader.getRowsJson();
  process.stdout.write(
    values.json ? jsonOf(columns, rows) : values.csv ? csvOf(columns, rows) : tableOf(columns, rows),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}
