import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { MAX_HEALTHY_WAIT_MS } from "../../../src/limits.ts";
import { anEvent, newUser, requestWith, rowsOf, track, userLog } from "../../tracklog.ts";

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** What a read key is told, with bindings for which nothing is remembered yet. */
async function health(settings: Partial<Env> = {}) {
  const { status, body } = await requestWith(settings, "/health");
  return { status, database: body["databases"].DB };
}

const soon = { timeout: 10_000, interval: 50 };

describe("GET /health", () => {
  it.for([
    ["full", "D1_ERROR: Exceeded maximum DB size"],
    ["exhausted", "D1_ERROR: the free plan's daily rows written limit was exceeded"],
    ["failed", "D1_ERROR: internal error"],
  ] as const)("is 503 while D1 can be read and refuses what is written: %s", async ([status, message], { expect }) => {
    const user = newUser();
    const refused = vi.spyOn(env.DB, "batch").mockRejectedValue(new Error(message));
    await track([anEvent({ user_id: user }), anEvent({ user_id: user, timestamp: 1 })]);
    await vi.waitFor(
      async () =>
        expect(await health()).toMatchObject({
          status: 503,
          database: { status, size_bytes: expect.any(Number), waiting_since: expect.any(String) },
        }),
      soon,
    );
    refused.mockRestore();
    await runDurableObjectAlarm(userLog(user));
    await vi.waitFor(
      async () => expect(await health()).toMatchObject({ status: 200, database: { status: "ok", users_waiting: 0 } }),
      soon,
    );
  });

  it("tells which databases are closed, and that alone is no fault", async ({ expect }) => {
    expect(await health()).toMatchObject({ status: 200, database: { closed: false } });
    expect(await health({ CLOSED_DATABASES: "DB" })).toMatchObject({ status: 200, database: { closed: true } });
  });

  it("tells when the database was last written to", async ({ expect }) => {
    const user = newUser();
    const before = Date.now();
    await track(anEvent({ user_id: user }));
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon);
    const { last_write } = (await health()).database;
    expect(Date.parse(last_write as string)).toBeGreaterThanOrEqual(before);
  });

  it("calls a database behind if a user has waited too long, even if its writer knows of no failure", async ({
    expect,
  }) => {
    const oldest = Date.now() - MAX_HEALTHY_WAIT_MS;
    const status = { waiting: { users: 2, events: 30, oldest }, counts: { failing: null } };
    const D1_WRITER = { getByName: () => ({ status: async () => status }) } as unknown as Env["D1_WRITER"];
    vi.useFakeTimers({ toFake: ["Date"], now: oldest + MAX_HEALTHY_WAIT_MS });
    expect((await health({ D1_WRITER })).status).toBe(200);
    vi.setSystemTime(oldest + MAX_HEALTHY_WAIT_MS + 1);
    expect(await health({ D1_WRITER })).toMatchObject({
      status: 503,
      database: {
        status: "behind",
        users_waiting: 2,
        events_waiting: 30,
        waiting_since: new Date(oldest).toISOString(),
      },
    });
  });

  it("is 503 if a writer does not answer", async ({ expect }) => {
    const D1_WRITER = { getByName: () => ({ status: () => Promise.reject(new Error("gone")) }) };
    expect(await health({ D1_WRITER: D1_WRITER as unknown as Env["D1_WRITER"] })).toMatchObject({
      status: 503,
      database: { status: "no_writer" },
    });
  });

  it("counts the waiting users of all lanes", async ({ expect }) => {
    const oldest = Date.now();
    const status = (users: number) => ({
      waiting: { users, events: 10 * users, oldest },
      counts: { failing: null },
    });
    const D1_WRITER = { getByName: (name: string) => ({ status: async () => status(Number(name.at(-1)) + 1) }) };
    const found = await health({ D1_WRITER: D1_WRITER as unknown as Env["D1_WRITER"], D1_WRITER_LANES: "3" });
    expect(found).toMatchObject({ status: 200, database: { users_waiting: 6, events_waiting: 60 } });
  });
});
