import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { version } from "../../../package.json";
import { HEALTH_MEMORY_MS, HEALTH_TIMEOUT_MS } from "../../../src/limits.ts";
import { breakD1 } from "../../d1-faults.ts";
import { requestWith } from "../../tracklog.ts";

const KEYS = { READ_KEYS: "analyst:r1", WRITE_KEYS: "site:w1" };
const WITH_READ_KEY = { headers: { Authorization: "Bearer r1" } };

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A database that answers every statement in the given way. */
function databaseThat(run: () => Promise<unknown>): D1Database {
  return { prepare: () => ({ run }) } as unknown as D1Database;
}

async function ask(): Promise<number> {
  return (await exports.default.fetch("https://tracklog.test/health")).status;
}

describe("GET /health", () => {
  it("tells the version to a stranger, and nothing else", async ({ expect }) => {
    const { status, body } = await requestWith(KEYS, "/health");
    expect(status).toBe(200);
    expect(body).toEqual({ success: true, status: "ok", version });
  });

  it("tells a read key of each database that is bound", async ({ expect }) => {
    const settings = { ...KEYS, DB_1: env.DB } as Partial<Env>;
    const { status, body } = await requestWith(settings, "/health", WITH_READ_KEY);
    expect(status).toBe(200);
    expect(body).toEqual({ success: true, status: "ok", version, databases: { DB: "ok", DB_1: "ok" } });
  });

  it("is 503 where any database is down, without saying more to a stranger or a write key", async ({ expect }) => {
    const down = databaseThat(() => Promise.reject(new Error("D1_ERROR: internal secret")));
    const settings = { ...KEYS, DB_1: down } as Partial<Env>;
    for (const init of [{}, { headers: { Authorization: "Bearer w1" } }, { headers: { Authorization: "Bearer x" } }]) {
      const { status, headers, body } = await requestWith(settings, "/health", init);
      expect(status).toBe(503);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(headers.get("retry-after")).toBe("5");
      expect(body).toEqual({
        type: "urn:tracklog:problem:unhealthy",
        title: "D1 is not available",
        status: 503,
        detail: expect.any(String),
        code: "unhealthy",
        message: body["detail"] as string,
        request_id: headers.get("x-request-id"),
        success: false,
        errors: [],
        version,
      });
    }
  });

  it.for([
    ["failed", () => Promise.reject(new Error("D1_ERROR: internal secret"))],
    ["unmigrated", () => Promise.reject(new Error("D1_ERROR: no such table: events: SQLITE_ERROR"))],
  ] as const)("names the database to a read key, and what it is: %s", async ([found, run], { expect }) => {
    const settings = { ...KEYS, DB_1: databaseThat(run) } as Partial<Env>;
    const { status, body } = await requestWith(settings, "/health", WITH_READ_KEY);
    expect(status).toBe(503);
    expect(body["databases"]).toEqual({ DB: "ok", DB_1: found });
    expect(JSON.stringify(body)).not.toContain("secret");
  });

  it("does not wait for a database that hangs", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const settings = { ...KEYS, DB_1: databaseThat(() => new Promise(() => {})) } as Partial<Env>;
    const answer = requestWith(settings, "/health", WITH_READ_KEY);
    await vi.advanceTimersByTimeAsync(HEALTH_TIMEOUT_MS);
    expect((await answer).body).toMatchObject({ status: 503, databases: { DB_1: "timeout" } });
  });

  it("asks D1 no more than once in a while, however often it is asked", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["Date"] });
    expect(await ask()).toBe(200);
    const d1 = breakD1();
    expect([await ask(), await ask()]).toEqual([200, 200]);
    expect(d1.tries()).toBe(0);

    vi.setSystemTime(Date.now() + HEALTH_MEMORY_MS);
    expect([await ask(), await ask()]).toEqual([503, 503]);
    expect(d1.tries()).toBe(1);
  });
});
