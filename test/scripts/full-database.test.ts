import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { describe, it } from "vitest";
import { d1FailureOf } from "../../src/d1/d1-failure.ts";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import { encodeEventRow } from "../../src/d1/event-row.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { epochOf, releaseEvents } from "../../src/d1/release-events.ts";

// The local runtime's D1 cannot be filled, but a SQLite file can. So these tests run D1's statements on a real full file.

const MIGRATIONS = join(import.meta.dirname, "../../src/d1/migrations");

/** The part of D1 that the statements need, on top of SQLite. */
function asD1(sqlite: DatabaseSync): D1Database {
  const statement = (sql: string, values: SQLInputValue[] = []) => ({
    bind: (...bound: SQLInputValue[]) => statement(sql, bound),
    first: async (column: string) => sqlite.prepare(sql).get(...values)?.[column],
    run: () => ({ results: sqlite.prepare(sql).all(...values), meta: { size_after: 0 } }),
  });
  const batch = async (statements: ReturnType<typeof statement>[]) => {
    sqlite.exec("BEGIN");
    try {
      const results = statements.map((one) => one.run());
      sqlite.exec("COMMIT");
      return results;
    } catch (error) {
      sqlite.exec("ROLLBACK");
      throw error;
    }
  };
  return { prepare: (sql: string) => statement(sql), batch } as unknown as D1Database;
}

function row(seq: number, revision = 1): string {
  return encodeEventRow({
    user_id: "ann",
    generation: 1,
    seq,
    revision,
    event: "e",
    timestamp: 1_700_000_000_000 + seq,
    message_id: null,
    properties: JSON.stringify({ text: "x".repeat(500) }),
    context: "{}",
    received_at: 1,
    source: null,
  });
}

/** A database with a few hundred events and no free page. */
async function fullDatabase() {
  const sqlite = new DatabaseSync(":memory:");
  for (const name of readdirSync(MIGRATIONS).toSorted()) sqlite.exec(readFileSync(join(MIGRATIONS, name), "utf8"));
  const pages = sqlite.prepare("PRAGMA page_count").get()!["page_count"] as number;
  sqlite.exec(`PRAGMA max_page_count = ${pages + 100}`);
  const d1 = asD1(sqlite);
  let seq = 0;
  for (;;) {
    try {
      await insertEvents(d1, [row(seq + 1)], 0, 1);
      seq++;
    } catch (error) {
      return { sqlite, d1, seq, error };
    }
  }
}

function count(sqlite: DatabaseSync): unknown {
  return sqlite.prepare("SELECT count(*) AS n FROM events").get()!["n"];
}

describe("a database that is really full", () => {
  it("refuses rows as full, but still says which rows it has and releases those that move", async ({ expect }) => {
    const { sqlite, d1, seq, error } = await fullDatabase();
    expect(seq).toBeGreaterThan(100);
    expect(d1FailureOf(error)).toBe("full");
    const before = await epochOf(d1);
    const [first, next] = [1_700_000_000_001, 1_700_000_000_000 + seq + 1];
    expect(await releaseEvents(d1, "ann", 1, [[next, seq + 1, 1]], 0)).toEqual([]);
    expect(await releaseEvents(d1, "ann", 1, [[first, 1, 1]], 0)).toEqual([[1, 1]]);
    expect(await releaseEvents(d1, "ann", 1, [[first, 1, 2]], 0)).toEqual([]);
    expect(await epochOf(d1)).toBe(before + 3);
    expect(count(sqlite)).toBe(seq - 1);
  });

  it("still erases a user's events", async ({ expect }) => {
    const { sqlite, d1, seq } = await fullDatabase();
    const keys = Array.from({ length: seq }, (_, i) => [1_700_000_000_001 + i, i + 1] as [number, number]);
    await eraseEvents(d1, "ann", 1, keys, 2);
    expect(count(sqlite)).toBe(0);
  });
});
