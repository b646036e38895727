import { parquetMetadataAsync } from "hyparquet";
import { describe, it } from "vitest";
import { parquetOf, readParquet } from "../../src/archive/parquet-file.ts";
import { EVENT_ROW_COLUMNS, type EventRow } from "../../src/d1/event-row.ts";
import { eventRow } from "../d1/events-in-d1.ts";

function row(user_id: string, timestamp: number, seq: number, revision = 1): EventRow {
  return eventRow({ user_id, timestamp, seq, revision });
}

describe("a file of the archive", () => {
  it("has its rows by user, time and number, in whatever order they come", async ({ expect }) => {
    const rows = [
      row("ann", 1, 3),
      row("ann", 2, 1),
      row("ann", 2, 2, 1),
      row("ann", 2, 2, 2),
      row("bob", 1, 9),
      row("cleo", 0, 1),
    ];
    const file = parquetOf(rows);
    for (const other of [rows.toReversed(), [3, 0, 5, 1, 4, 2].map((i) => rows[i]!)]) {
      const bytes = parquetOf(other);
      expect(await readParquet(bytes, { columns: EVENT_ROW_COLUMNS })).toEqual(rows);
      expect(new Uint8Array(bytes)).toEqual(new Uint8Array(file));
    }
    expect(await readParquet(file, { columns: ["seq"], userId: "bob" })).toEqual([{ seq: 9 }]);
    expect(await readParquet(file, { columns: ["seq"], userId: "dora" })).toEqual([]);
  });

  it("has the columns of D1 in their types, two of which may be null, and tells quickly who is not in it", async ({
    expect,
  }) => {
    const { schema, row_groups, key_value_metadata } = await parquetMetadataAsync(parquetOf([row("ann", 1, 1)]));
    const columns = schema.slice(1).map(({ name, type, converted_type, repetition_type }) => {
      return `${name} ${converted_type ?? type} ${repetition_type}`;
    });
    expect(columns).toEqual([
      "user_id UTF8 REQUIRED",
      "generation INT64 REQUIRED",
      "timestamp INT64 REQUIRED",
      "event UTF8 REQUIRED",
      "message_id UTF8 OPTIONAL",
      "seq INT64 REQUIRED",
      "revision INT32 REQUIRED",
      "properties UTF8 REQUIRED",
      "context UTF8 REQUIRED",
      "received_at INT64 REQUIRED",
      "source UTF8 OPTIONAL",
    ]);
    const filtered = row_groups[0]!.columns.filter(({ meta_data }) => meta_data!.bloom_filter_offset !== undefined);
    expect(filtered.map(({ meta_data }) => meta_data!.path_in_schema)).toEqual([["user_id"]]);
    expect(key_value_metadata).toContainEqual({ key: "tracklog_schema", value: "1" });
  });
});
