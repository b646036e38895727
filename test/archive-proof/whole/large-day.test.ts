import { afterAll, beforeAll, describe, it } from "vitest";
import { fillWithOldEvents } from "../../../bench/old-events.ts";
import { startWorkerServer, type WorkerServer } from "../../../bench/worker-server.ts";
import { IsolateMemory } from "../isolate-memory.ts";
import { findWorkerd, forgetPeak, memoryOf } from "../../../bench/workerd-process.ts";

const EVENTS = 2_000_000;
const USERS = 50_000;
/** The heap that V8 gets for objects, which is half of an isolate's memory. */
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
    isInspected: true,
    vars: { D1_DAYS: "30" },
  });
});

afterAll(() => server.stop());

// There are two checks of the archiver's isolate. V8 gets HEAP_MB for objects, and ends workerd if that is not enough.
// And the inspector reports the maximum including buffers. The process itself is larger, because the local D1 and R2
// are in it, each in an isolate with its own cache.
describe("a day of 2,000,000 events", () => {
  it("is archived with less than an isolate's memory, in bounded files and statements", async ({ expect }) => {
    await fillWithOldEvents(server, EVENTS, USERS, Date.UTC(2024, 0, 2));
    await fetch(new URL("/archive/manifest", server.url));
    const workerd = await findWorkerd(server.folder);
    await forgetPeak(workerd);
    const { nowMb: before } = await memoryOf(workerd);
    const memory = await IsolateMemory.follow(await server.inspector());
    const following = memory.run();
    const start = performance.now();
    while ((await run()).more);
    memory.end();
    await following;
    const seconds = (performance.now() - start) / 1000;
    const { peakMb } = await memoryOf(workerd);
    const { peakHeapMb, peakBuffersMb } = memory;
    console.log(
      `${EVENTS} rows in ${seconds.toFixed(0)} s; the isolate had at most ${peakHeapMb.toFixed(0)} MB of objects and ` +
        `${peakBuffersMb.toFixed(0)} MB of buffers; the process grew from ${before.toFixed(0)} to ${peakMb.toFixed(0)} MB`,
    );
    expect(peakHeapMb).toBeGreaterThan(1);
    expect(peakHeapMb).toBeLessThanOrEqual(HEAP_MB);
    expect(peakHeapMb + peakBuffersMb).toBeLessThan(MAX_MB);

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
