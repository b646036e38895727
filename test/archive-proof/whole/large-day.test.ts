import { afterAll, beforeAll, describe, it } from "vitest";
import { startWorkerServer, type WorkerServer } from "../../../bench/worker-server.ts";
import { findWorkerd, forgetPeak, memoryOf } from "../../../bench/workerd-process.ts";

const EVENTS = 2_000_000;
const USERS = 50_000;
const ROWS_AT_ONCE = 50_000;
const HEAP_MB = 64;
/** An isolate's memory (developers.cloudflare.com/workers/platform/limits). */
const MAX_MB = 128;

let server: WorkerServer;

beforeAll(async () => {
  process.env["MINIFLARE_WORKERD_V8_FLAGS"] = `--max-heap-size=${HEAP_MB}`;
  server = await startWorkerServer({
    entry: "src/index.ts",
    migrations: "src/d1/migrations",
    isSilent: true,
    hasArchive: true,
    vars: { D1_DAYS: "30" },
  });
});

afterAll(() => server.stop());

/** One day, evenly spread, with some 200 bytes of JSON each, as D1 has had it for long. */
async function fillD1(): Promise<void> {
  const database = await server.database("DB");
  for (let from = 0; from < EVENTS; from += ROWS_AT_ONCE)
    await database
      .prepare(
        `INSERT INTO events (timestamp, generation, seq, user_id, revision, event, message_id, properties, context,
           received_at, source, written_at)
         WITH RECURSIVE numbers(n) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n < ?2 - 1)
         SELECT CAST(?3 AS INTEGER) + n * 86400000 / ${EVENTS}, 6755399441055744 + n % ${USERS}, n, 'user-' || n % ${USERS}, 1,
           'page_viewed', NULL, json_object('n', n, 'path', '/products/' || n % 977, 'title', hex(n * 2654435761)),
           json_object('locale', 'en-GB', 'agent', 'Mozilla/5.0 (X11; Linux x86_64)', 'campaign', n % 13),
           CAST(?3 AS INTEGER) + n, 'website', 0
         FROM numbers`,
      )
      .bind(from, from + ROWS_AT_ONCE, Date.UTC(2024, 0, 2))
      .run();
}

// Two measures. V8 gets HEAP_MB for the objects of each isolate, half of what an isolate has, and ends workerd where that
// does not do. And by its resident pages (VmHWM in /proc) the whole process may not grow by more than an isolate has: its
// heap and buffers, and what workerd holds of D1 and R2, which in production are elsewhere.
describe("a day of 2,000,000 events", () => {
  it("goes to the archive in less than an isolate's memory, in bounded files and statements", async ({ expect }) => {
    await fillD1();
    await fetch(new URL("/archive/manifest", server.url));
    const workerd = await findWorkerd(server.folder);
    await forgetPeak(workerd);
    const { nowMb: before } = await memoryOf(workerd);
    const start = performance.now();
    while ((await run()).more);
    const seconds = (performance.now() - start) / 1000;
    const { peakMb } = await memoryOf(workerd);
    console.log(
      `${EVENTS} rows in ${seconds.toFixed(0)} s; workerd had ${before.toFixed(0)} MB before, ${peakMb.toFixed(0)} MB at most`,
    );
    expect(peakMb - before).toBeLessThan(MAX_MB);

    const manifest = (await (await fetch(new URL("/archive/manifest", server.url))).json()) as {
      manifests: { objects: { day: string; rows: number; text_bytes: number }[] }[];
    };
    const { objects } = manifest.manifests[0]!;
    expect(objects.reduce((sum, object) => sum + object.rows, 0)).toBe(EVENTS);
    expect(new Set(objects.map(({ day }) => day))).toEqual(new Set(["2024-01-02"]));
    expect(Math.max(...objects.map((object) => object.rows))).toBeLessThanOrEqual(25_000);
    expect(Math.max(...objects.map((object) => object.text_bytes))).toBeLessThanOrEqual(8_000_000);
    expect(await (await server.database("DB")).prepare("SELECT count(*) AS n FROM events").first("n")).toBe(0);
  });
});

async function run(): Promise<{ rows: number; more: boolean }> {
  const response = await fetch(new URL("/archive/run", server.url), { method: "POST" });
  if (response.status !== 200) throw new Error(await (await fetch(new URL("/health", server.url))).text());
  return (await response.json()) as { rows: number; more: boolean };
}
