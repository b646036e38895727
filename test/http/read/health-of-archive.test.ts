import { env } from "cloudflare:workers";
import { beforeEach, describe, it, vi } from "vitest";
import { app } from "../../../src/app.ts";
import { archiveBucket } from "../../../src/archive/bucket.ts";
import { emptyD1, insertInto } from "../../d1/events-in-d1.ts";
import { requestWith } from "../../tracklog.ts";

env.D1_DAYS = "30";

const DAY_MS = 86_400_000;
const OLD = Date.UTC(2024, 0, 2);

beforeEach(() => emptyD1(env.DB));

async function archiveOf(settings: Partial<Env> = {}): Promise<unknown> {
  return (await requestWith({ ...settings }, "/health")).body["archive"];
}

/** Uses bindings of its own, so that no remembered answer is returned. */
async function metricOf(name: string, settings: Partial<Env> = {}): Promise<number | undefined> {
  const text = await (await app.request("/metrics", {}, { ...env, ...settings })).text();
  const found = new RegExp(`^${name}\\{database="DB"\\} (.+)$`, "m").exec(text);
  return found ? Number(found[1]) : undefined;
}

describe("the archive's health", () => {
  it("is left out if nothing is archived", async ({ expect }) => {
    expect(await archiveOf({ D1_DAYS: "" })).toBeUndefined();
    expect(await metricOf("tracklog_archive_up", { ARCHIVE: undefined } as unknown as Partial<Env>)).toBeUndefined();
  });

  it("tells what waits and why while R2 is away, and what was moved when it is back", async ({ expect }) => {
    await insertInto(
      env.DB,
      { seq: 1, timestamp: OLD },
      { seq: 2, timestamp: OLD },
      { seq: 3, timestamp: OLD + DAY_MS },
    );
    await env.DB.prepare("UPDATE events SET written_at = 0").run();
    const put = vi.spyOn(archiveBucket(env)!, "put").mockRejectedValue(new Error("R2 is away"));
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    await env.ARCHIVER.getByName("DB").run();
    expect(await archiveOf()).toEqual({
      DB: {
        status: "failed",
        last_run: expect.any(String) as string,
        last_success: null,
        last_error: "Error: R2 is away",
        waiting_rows: 3,
        waiting_days: 2,
        job: { kind: "move", state: "planned", since: expect.any(String) as string },
        archived_files: 0,
        archived_rows: 0,
        archived_bytes: 0,
      },
    });
    expect(await metricOf("tracklog_archive_failing")).toBe(1);
    expect(await metricOf("tracklog_archive_waiting_rows")).toBe(3);
    // Events are still accepted.
    expect((await requestWith({}, "/health")).status).toBe(200);

    put.mockRestore();
    log.mockRestore();
    await env.ARCHIVER.getByName("DB").run();
    expect(await archiveOf()).toMatchObject({
      DB: { status: "ok", last_error: null, waiting_rows: 0, waiting_days: 0, job: null, archived_rows: 3 },
    });
    expect(await metricOf("tracklog_archive_failing")).toBe(0);
    expect(await metricOf("tracklog_archive_rows_total")).toBe(3);
    expect(await metricOf("tracklog_archive_files_total")).toBe(2);
    expect(await metricOf("tracklog_archive_last_success_timestamp_seconds")).toBeGreaterThan(1.7e9);
  });

  it("tells that the archiver does not answer", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const gone = { getByName: () => ({ status: () => Promise.reject(new Error("gone")) }) };
    const settings = { ARCHIVER: gone as unknown as Env["ARCHIVER"] };
    expect(await archiveOf(settings)).toEqual({ DB: { status: "no_archiver" } });
    expect(await metricOf("tracklog_archive_up", settings)).toBe(0);
    expect(await metricOf("tracklog_archive_failing", settings)).toBeUndefined();
    vi.restoreAllMocks();
  });
});
