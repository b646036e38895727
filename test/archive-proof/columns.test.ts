import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, it } from "vitest";
import { parquetOf, readParquet } from "../../src/archive/parquet-file.ts";
import { EVENT_ROW_COLUMNS, type EventRow } from "../../src/d1/event-row.ts";

/** Rows with extreme values, in the order in which a file has them. */
const ROWS: EventRow[] = [
  {
    user_id: "",
    generation: 1,
    timestamp: 0,
    event: "",
    message_id: null,
    seq: 1,
    revision: 1,
    properties: "{}",
    context: "{}",
    received_at: 0,
    source: null,
  },
  {
    user_id: 'a user\'s \u0000 id "quoted"',
    generation: Number.MAX_SAFE_INTEGER,
    timestamp: 253_402_300_799_999,
    event: "bought",
    message_id: "",
    seq: 2 ** 32 + 1,
    revision: 2 ** 31 - 1,
    properties: JSON.stringify({ big: "é😀".repeat(9_000), deep: [[[1e300, -0.1, null, true]]] }),
    context: '{"spaces" : "are kept" ,"n":12345678901234567890}',
    received_at: 1_767_323_045_678,
    source: "",
  },
  {
    user_id: "ü😀\u{10ffff}\ufeff",
    generation: 2 ** 33,
    timestamp: 1_767_323_045_678,
    event: "żółć",
    message_id: "m\n\t\r",
    seq: Number.MAX_SAFE_INTEGER,
    revision: 2,
    properties: '{"a":1,"a":2}',
    context: '{"":""}',
    received_at: Number.MAX_SAFE_INTEGER,
    source: "website",
  },
];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tracklog-columns-"));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function duckDb(rows: readonly EventRow[], sql: (file: string) => string) {
  const file = join(folder, `${crypto.randomUUID()}.parquet`);
  await writeFile(file, new Uint8Array(parquetOf(rows)));
  const connection = await (await DuckDBInstance.create()).connect();
  try {
    const reader = await connection.runAndReadAll(sql(`read_parquet('${file}', hive_partitioning = false)`));
    return reader.getRowObjects();
  } finally {
    connection.closeSync();
  }
}

describe("a file of the archive, as DuckDB reads it", () => {
  it("has the columns of D1, with these types", async ({ expect }) => {
    const described = await duckDb(ROWS, (file) => `DESCRIBE SELECT * FROM ${file}`);
    const types = described.map((column) => [column["column_name"], column["column_type"]]);
    expect(types).toEqual([
      ["user_id", "VARCHAR"],
      ["generation", "BIGINT"],
      ["timestamp", "BIGINT"],
      ["event", "VARCHAR"],
      ["message_id", "VARCHAR"],
      ["seq", "BIGINT"],
      ["revision", "INTEGER"],
      ["properties", "VARCHAR"],
      ["context", "VARCHAR"],
      ["received_at", "BIGINT"],
      ["source", "VARCHAR"],
    ]);
    expect(types.map(([name]) => name)).toEqual(EVENT_ROW_COLUMNS);
  });

  it("keeps every value, including bounds, nulls, empty texts, Unicode, and large and odd JSON", async ({ expect }) => {
    const rows = await duckDb(ROWS, (file) => `SELECT * FROM ${file}`);
    const read = rows.map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]),
      ),
    );
    expect(read).toEqual(ROWS);
  });

  it("has times that can be read as times, and columns with few values, over several row groups", async ({
    expect,
  }) => {
    const rows = Array.from({ length: 12_000 }, (_, n): EventRow => ({
      ...ROWS[2]!,
      user_id: `user-${String(n).padStart(6, "0")}`,
      event: n % 3 === 0 ? "came" : "went",
      source: n % 2 === 0 ? "app" : null,
      seq: n + 1,
    }));
    const [found] = await duckDb(
      rows,
      (file) => `SELECT epoch_ms(min(timestamp))::VARCHAR AS at, count(*) AS n, count(source) AS sources,
        count(*) FILTER (event = 'came') AS came, sum(seq) AS seqs, count(DISTINCT user_id) AS users FROM ${file}`,
    );
    const seqs = (12_000n * 12_001n) / 2n;
    const counts = { n: 12_000n, sources: 6_000n, came: 4_000n, seqs, users: 12_000n };
    expect(found).toEqual({ at: "2026-01-02 03:04:05.678", ...counts });
    const groups = await duckDb(rows, (file) => `SELECT count(*) AS n FROM (SELECT 1 FROM ${file} WHERE seq > 11000)`);
    expect(groups).toEqual([{ n: 1_000n }]);
  });

  it("is read in the same way by the Worker", async ({ expect }) => {
    const bytes = parquetOf(ROWS);
    const slice = (start: number, end?: number) => bytes.slice(start, end);
    const read = await readParquet({ byteLength: bytes.byteLength, slice }, { columns: EVENT_ROW_COLUMNS });
    expect(read).toEqual(ROWS);
  });
});
