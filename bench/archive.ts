import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { createViews } from "../scripts/query/create-views.ts";
import { parquetOf } from "../src/archive/parquet-file.ts";
import type { EventRow } from "../src/d1/event-row.ts";
import { ARCHIVE_CHUNK_ROWS } from "../src/limits.ts";
import type { Counts } from "./counts.ts";
import { fillWithOldEvents } from "./old-events.ts";
import { seededRandom } from "./seeded-random.ts";
import { METERED } from "./variants.ts";
import { startWorkerServer, type WorkerServer } from "./worker-server.ts";

const EVENTS = 200_000;
const USERS = 10_000;
const QUERIED_EVENTS = 10_000_000;
const QUERIED_USERS = 400_000;
const DAY_MS = 86_400_000;

export interface Archiving {
  eventsPerSecond: number;
  /** The storage of an event in D1, and then in the archive. */
  d1BytesPerEvent: number;
  archiveBytesPerEvent: number;
  d1RowsRead: number;
  d1RowsWritten: number;
}

/** Moves old events to the archive, and counts the rows that D1 bills for them. */
export async function measureArchiving(): Promise<Archiving> {
  const server = await startWorkerServer({ ...METERED, hasArchive: true, vars: { D1_DAYS: "30" } });
  try {
    const empty = await d1Bytes(server);
    await fillWithOldEvents(server, EVENTS, USERS, Date.UTC(2024, 0, 2));
    const full = await d1Bytes(server);
    const before = await json<Counts>(server.url, "/bench/counts");
    const start = performance.now();
    while ((await json<{ more: boolean }>(server.url, "/archive/run", "POST")).more);
    const seconds = (performance.now() - start) / 1000;
    const after = await json<Counts>(server.url, "/bench/counts");
    const { manifests } = await json<{ manifests: { objects: { rows: number; bytes: number }[] }[] }>(
      server.url,
      "/archive/manifest",
    );
    const sum = (of: "rows" | "bytes") => manifests[0]!.objects.reduce((total, object) => total + object[of], 0);
    if (sum("rows") !== EVENTS) throw new Error(`${sum("rows")} of ${EVENTS} events are in the archive`);
    return {
      eventsPerSecond: EVENTS / seconds,
      d1BytesPerEvent: (full - empty) / EVENTS,
      archiveBytesPerEvent: sum("bytes") / EVENTS,
      d1RowsRead: (after.d1RowsRead - before.d1RowsRead) / EVENTS,
      d1RowsWritten: (after.d1RowsWritten - before.d1RowsWritten) / EVENTS,
    };
  } finally {
    await server.stop();
  }
}

export interface Querying {
  events: number;
  files: number;
  bytesPerEvent: number;
  /** The seconds of each query. The last one reads the files of one month; the others read the view with each event once. */
  seconds: Record<"count" | "weekly users" | "monthly cohorts" | "users of a month", number>;
}

/** Times DuckDB's queries on an archive of ten million events, which Tracklog's own writer has written. */
export async function measureQuerying(): Promise<Querying> {
  const folder = await mkdtemp(join(tmpdir(), "tracklog-bench-"));
  try {
    const files: string[] = [];
    const random = seededRandom(1);
    let bytes = 0;
    for (let from = 0; from < QUERIED_EVENTS; from += ARCHIVE_CHUNK_ROWS) {
      const content = new Uint8Array(parquetOf(rowsOfDay(from, random)));
      const file = join(folder, `${from}.parquet`);
      await writeFile(file, content);
      files.push(file);
      bytes += content.byteLength;
    }
    const nothing = join(folder, "nothing.ndjson");
    await writeFile(nothing, "");
    const connection = await (await DuckDBInstance.create()).connect();
    await createViews(connection, { archived: files, hot: nothing, erased: nothing });
    const timed = async (sql: string) => {
      const start = performance.now();
      await connection.runAndReadAll(sql);
      return (performance.now() - start) / 1000;
    };
    const month = files.slice(0, 31).map((file) => `'${file}'`);
    const seconds = {
      count: await timed("SELECT count(*) FROM events"),
      "weekly users": await timed(
        "SELECT date_trunc('week', timestamp) AS week, count(DISTINCT user_id) FROM events GROUP BY week",
      ),
      "monthly cohorts": await timed(
        `WITH active AS (SELECT DISTINCT user_id, date_trunc('month', timestamp) AS month FROM events),
         cohorts AS (SELECT user_id, min(month) AS cohort FROM active GROUP BY user_id)
         SELECT cohort, month, count(*) FROM active JOIN cohorts USING (user_id) GROUP BY cohort, month`,
      ),
      "users of a month": await timed(`SELECT count(DISTINCT user_id) FROM read_parquet([${month.join()}])`),
    };
    connection.closeSync();
    return { events: QUERIED_EVENTS, files: files.length, bytesPerEvent: bytes / QUERIED_EVENTS, seconds };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The events of one file, all of one day. */
function rowsOfDay(from: number, random: () => number): EventRow[] {
  const day = Date.UTC(2024, 0, 1) + (from / ARCHIVE_CHUNK_ROWS) * DAY_MS;
  return Array.from({ length: ARCHIVE_CHUNK_ROWS }, (_, n): EventRow => {
    const user = Math.floor(random() * QUERIED_USERS);
    const timestamp = day + Math.floor((n * DAY_MS) / ARCHIVE_CHUNK_ROWS);
    return {
      user_id: `user-${user}`,
      generation: 6_755_399_441_055_744 + user,
      timestamp,
      event: random() < 0.1 ? "paid" : "page_viewed",
      message_id: null,
      seq: from + n,
      revision: 1,
      properties: `{"n":${from + n},"path":"/products/${Math.floor(random() * 977)}","plan":"team"}`,
      context: '{"locale":"en-GB","agent":"Mozilla/5.0 (X11; Linux x86_64)"}',
      received_at: timestamp + 40,
      source: "website",
    };
  });
}

async function d1Bytes(server: WorkerServer): Promise<number> {
  const { meta } = await (await server.database("DB")).prepare("SELECT 1").run();
  return meta.size_after;
}

async function json<T>(url: URL, path: string, method = "GET"): Promise<T> {
  const response = await fetch(new URL(path, url), { method });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}
