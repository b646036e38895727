import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { type BasicType, parquetWriteBuffer } from "hyparquet-writer";
import { EVENT_ROW_COLUMNS, type EventRow } from "../d1/event-row.ts";
import { ARCHIVE_ROW_GROUP_ROWS } from "../limits.ts";

/** Raise it when the columns change, so that readers can tell the versions apart. */
const SCHEMA_VERSION = "1";

/**
 * The columns are those of D1. Properties and context stay the same text as in D1. With Parquet's JSON type they would
 * be parsed and written again, which would change the text.
 */
const TYPES: Record<keyof EventRow, { type: BasicType; nullable: boolean }> = {
  user_id: { type: "STRING", nullable: false },
  generation: { type: "INT64", nullable: false },
  timestamp: { type: "INT64", nullable: false },
  event: { type: "STRING", nullable: false },
  message_id: { type: "STRING", nullable: true },
  seq: { type: "INT64", nullable: false },
  revision: { type: "INT32", nullable: false },
  properties: { type: "STRING", nullable: false },
  context: { type: "STRING", nullable: false },
  received_at: { type: "INT64", nullable: false },
  source: { type: "STRING", nullable: true },
};

/**
 * Writes rows as a Parquet file, sorted by (user_id, timestamp, seq), so that one user's rows are next to each other.
 * The same rows give the same bytes with the same version of the library.
 */
export function parquetOf(rows: readonly EventRow[]): ArrayBuffer {
  const sorted = rows.toSorted(
    (a, b) => compare(a.user_id, b.user_id) || a.timestamp - b.timestamp || a.seq - b.seq || a.revision - b.revision,
  );
  return parquetWriteBuffer({
    columnData: EVENT_ROW_COLUMNS.map((name) => ({
      name,
      ...TYPES[name],
      data: sorted.map((row) => (TYPES[name].type === "INT64" ? BigInt(row[name] as number) : row[name])),
      // A few bytes show that a user is not in a file. This makes an erasure cheap, because most files lack the user.
      bloomFilter: name === "user_id",
    })),
    rowGroupSize: ARCHIVE_ROW_GROUP_ROWS,
    kvMetadata: [{ key: "tracklog_schema", value: SCHEMA_VERSION }],
    createdBy: "tracklog",
  });
}

interface ReadOptions<Column extends keyof EventRow> {
  columns: readonly Column[];
  /** Only rows of this user; parts of the file that cannot have any are not read. */
  userId?: string;
}

/** Reads rows of a Parquet file, by ranges. Rejects if the file cannot be read. */
export async function readParquet<Column extends keyof EventRow>(
  file: AsyncBuffer,
  { columns, userId }: ReadOptions<Column>,
): Promise<Pick<EventRow, Column>[]> {
  const metadata = await parquetMetadataAsync(file);
  const wanted: (keyof EventRow)[] =
    userId === undefined ? [...columns] : [...new Set([...columns, "user_id" as const])];
  const rows = await parquetReadObjects({
    file,
    metadata,
    columns: wanted,
    ...(userId === undefined ? {} : { filter: { user_id: { $eq: userId } }, useBloomFilters: true }),
  });
  return rows.map((row) => Object.fromEntries(columns.map((name) => [name, fromParquet(row[name])]))) as Pick<
    EventRow,
    Column
  >[];
}

/** Converts INT64 to a number, which is exact for every number in a row. */
function fromParquet(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : (value ?? null);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
