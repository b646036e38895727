import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { version } from "../../../package.json";
import { HEALTH_MEMORY_MS, HEALTH_TIMEOUT_MS } from "../../../src/limits.ts";
import { breakD1 } from "../../d1-faults.ts";
import { app } from "../../../src/app.ts";
import { anEvent, requestWith } from "../../tracklog.ts";

const KEYS = { READ_KEYS: "analyst:r1", WRITE_KEYS: "site:w1" };
const WITH_READ_KEY = { headers: { Authorization: "Bearer r1" } };

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const ANSWER = { results: [{ incarnation: "first", last_write: 0 }], meta: { size_after: 1 } };

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

  it("describes each bound database to a read key", async ({ expect }) => {
    const settings = { ...KEYS, DB_1: env.DB } as Partial<Env>;
    const { status, body } = await requestWith(settings, "/health", WITH_READ_KEY);
    expect(status).toBe(200);
    const well = {
      status: "ok",
      closed: false,
      last_write: expect.toSatisfy((time) => time === null || typeof time === "string"),
      size_bytes: expect.any(Number),
      size_share: expect.any(Number),
      incarnation: expect.stringMatching(/^[0-9a-f]{16}$/),
      users_waiting: 0,
      events_waiting: 0,
      waiting_since: null,
    };
    expect(body).toEqual({ success: true, status: "ok", version, databases: { DB: well, DB_1: well } });
  });

  it("is 503 if any database is down, without saying more to a stranger or a write key", async ({ expect }) => {
    const down = databaseThat(() => Promise.reject(new Error("D1_ERROR: internal secret")));
    const settings = { ...KEYS, DB_1: down } as Partial<Env>;
    for (const init of [{}, { headers: { Authorization: "Bearer w1" } }, { headers: { Authorization: "Bearer x" } }]) {
      const { status, headers, body } = await requestWith(settings, "/health", init);
      expect(status).toBe(503);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(headers.get("retry-after")).toBe("5");
      expect(body).toEqual({
        type: "urn:tracklog:problem:unhealthy",
        title: "D1 is unavailable or behind",
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
    ["exhausted", () => Promise.reject(new Error("D1_ERROR: Exceeded the free plan's daily limit of rows read"))],
  ] as const)("names the database to a read key, and what it is: %s", async ([found, run], { expect }) => {
    const settings = { ...KEYS, DB_1: databaseThat(run) } as Partial<Env>;
    const { status, body } = await requestWith(settings, "/health", WITH_READ_KEY);
    expect(status).toBe(503);
    expect(body["databases"]).toMatchObject({ DB: { status: "ok" }, DB_1: { status: found, size_bytes: null } });
    expect(JSON.stringify(body)).not.toContain("secret");
  });

  it("does not wait for a database that hangs", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const settings = { ...KEYS, DB_1: databaseThat(() => new Promise(() => {})) } as Partial<Env>;
    const answer = requestWith(settings, "/health", WITH_READ_KEY);
    await vi.advanceTimersByTimeAsync(HEALTH_TIMEOUT_MS);
    expect((await answer).body).toMatchObject({ status: 503, databases: { DB_1: { status: "timeout" } } });
  });

  it("asks D1 once for many requests at a time", async ({ expect }) => {
    let questions = 0;
    const slow = databaseThat(async () => {
      questions++;
      await scheduler.wait(60);
      return ANSWER;
    });
    const bindings = { ...env, ...KEYS, DB: slow };
    const answers = await Promise.all(Array.from({ length: 100 }, async () => app.request("/health", {}, bindings)));
    expect(answers.map(({ status }) => status)).toEqual(Array(100).fill(200));
    expect(questions).toBe(1);
  });

  it("asks again in the place of a request that was cut off", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] });
    let questions = 0;
    const bindings = {
      ...env,
      ...KEYS,
      DB: databaseThat(() => (++questions === 1 ? new Promise(() => {}) : scheduler.wait(1).then(() => ANSWER))),
    };
    // Its timer is never run, as that of a request which the platform has ended.
    void app.request("/health", {}, bindings);
    await vi.waitUntil(() => questions === 1);
    const others = Promise.all([1, 2, 3].map(async () => app.request("/health", {}, bindings)));
    await scheduler.wait(50);
    expect(questions).toBe(1);

    vi.setSystemTime(Date.now() + 2 * HEALTH_TIMEOUT_MS);
    expect((await others).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(questions).toBe(2);
  });

  it("asks D1 only once in a while, however often it is asked", async ({ expect }) => {
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

describe("GET /health of a deployment that is not set up", () => {
  it.for([
    ["WRITE_KEYS", "", "missing"],
    ["WRITE_KEYS", "site:hush1,hush2", "malformed"],
    ["WRITE_KEYS", undefined, "missing"],
  ] as [string, string | undefined, string][])(
    "is 503 while %s is %j, and tells only a read key which: %s",
    async ([secret, text, found], { expect }) => {
      const settings = { ...KEYS, OPEN: "false", [secret]: text } as Partial<Env>;
      const told = await requestWith(settings, "/health", WITH_READ_KEY);
      expect(told.status).toBe(503);
      expect(told.body).toMatchObject({
        code: "not_ready",
        databases: { DB: { status: "ok" } },
        secrets: { [secret]: found },
      });
      const stranger = await requestWith(settings, "/health");
      expect(stranger.status).toBe(503);
      expect(stranger.headers.get("Retry-After")).toBe("60");
      for (const { body } of [told, stranger]) expect(JSON.stringify(body)).not.toContain("hush");
      expect(JSON.stringify(stranger.body)).not.toMatch(/WRITE|READ|malformed"|databases|secrets/);
    },
  );

  it("is 503 while the jurisdiction cannot be read, since nothing is stored", async ({ expect }) => {
    const settings = { ...KEYS, JURISDICTION: "europe" };
    const { status, body } = await requestWith(settings, "/health", WITH_READ_KEY);
    expect(status).toBe(503);
    expect(body).toMatchObject({ code: "not_ready", settings: { JURISDICTION: expect.stringContaining('"europe"') } });
    const init = { method: "POST", body: JSON.stringify(anEvent()), headers: { Authorization: "Bearer w1" } };
    expect((await requestWith(settings, "/track", init)).status).toBe(503);
  });

  it.for(["", "team hush"])(
    "is 503 for everybody while READ_KEYS is %j: no read key is left to tell",
    async (text, { expect }) => {
      const settings = { ...KEYS, OPEN: "false", READ_KEYS: text };
      const { status, body } = await requestWith(settings, "/health", WITH_READ_KEY);
      expect(status).toBe(503);
      expect(JSON.stringify(body)).not.toMatch(/WRITE|READ|hush|databases|secrets/);
    },
  );

  it("is 200 without any key if everybody is let in", async ({ expect }) => {
    expect((await requestWith({ OPEN: "true", WRITE_KEYS: "", READ_KEYS: "" }, "/health")).status).toBe(200);
  });

  it("names each variable that cannot be read to a read key, and is 200: events come in", async ({ expect }) => {
    const settings = {
      ...KEYS,
      RETENTION_DAYS: "30d",
      RATE_LIMIT_BURST_EVENTS: "many",
      ALLOWED_ORIGINS: "shop.example",
      ENRICH: "geo,ip",
    };
    const { status, body } = await requestWith(settings, "/health", WITH_READ_KEY);
    expect(status).toBe(200);
    expect(body["settings"]).toEqual({
      RETENTION_DAYS: expect.stringContaining('"30d"'),
      RATE_LIMIT_BURST_EVENTS: expect.stringContaining('"many"'),
      ALLOWED_ORIGINS: expect.stringContaining('"shop.example"'),
      ENRICH: expect.stringContaining('"ip"'),
    });
    expect((await requestWith(settings, "/health")).body).toEqual({ success: true, status: "ok", version });
  });
});
