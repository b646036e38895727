import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { D1Writer } from "../../src/d1/d1-writer.ts";
import { expireLogs } from "../../src/user/expire-logs.ts";
import { rebuildDatabase } from "../../src/user/rebuild-database.ts";
import { type Answer, anEvent, call, newUser, rowsOf, timelineOf, track } from "../tracklog.ts";

const clock = () => Date.now();

async function rebuilt(restart = false) {
  return rebuildDatabase(env, "DB", { restart, clock, until: Infinity });
}

/** A user with some events, one of them updated. D1 has all of them. */
async function userInD1(events: number): Promise<string> {
  const user = newUser();
  const batch = Array.from({ length: events }, (_, n) =>
    anEvent({ user_id: user, timestamp: 1_700_000_000_000 + n, properties: { n } }),
  );
  await track(batch);
  await track(anEvent({ user_id: user, timestamp: 1_700_000_000_000, properties: { updated: true } }));
  await vi.waitFor(async () => {
    const rows = await rowsOf(user);
    expectLength(rows, events);
    if (rows[0]!["revision"] !== 2) throw new Error("not updated yet");
  }, 10_000);
  return user;
}

/** The rows as the log has them, without the time at which D1 wrote them. */
async function contentOf(user: string): Promise<Answer[]> {
  return (await rowsOf(user)).map((row) => ({ ...row, written_at: 0 }));
}

function expectLength(rows: Answer[], length: number): void {
  if (rows.length !== length) throw new Error(`${rows.length} of ${length} rows`);
}

async function emptyD1(): Promise<void> {
  await env.DB.batch(["events", "feed", "erased"].map((table) => env.DB.prepare(`DELETE FROM ${table}`)));
}

async function incarnation(): Promise<unknown> {
  return env.DB.prepare("SELECT name FROM incarnation").first("name");
}

describe("rebuilding a database", () => {
  it("restores every row of every user, as the log has it", async ({ expect }) => {
    const users = [await userInD1(3), await userInD1(1), await userInD1(40)];
    const before = await Promise.all(users.map(contentOf));
    const life = await incarnation();
    await emptyD1();

    const { rebuild, error } = await rebuilt();
    expect(error).toBeUndefined();
    expect(rebuild).toMatchObject({ stage: "done", users: 3, events: 44 });
    expect(await Promise.all(users.map(contentOf))).toEqual(before);
    expect(await incarnation()).not.toBe(life);
  });

  it("restores the users of lanes that there are no longer", async ({ expect }) => {
    env.D1_WRITER_LANES = "4";
    try {
      const users: string[] = [];
      for (let n = 0; n < 12; n++) users.push(await userInD1(1));
      await expireLogs(env, Date.now()); // the cron
      env.D1_WRITER_LANES = "2";
      await emptyD1();
      await rebuilt(true);
      for (const user of users) expect(await rowsOf(user)).toHaveLength(1);
    } finally {
      env.D1_WRITER_LANES = "1";
    }
  });

  it("changes neither the rows nor the feed of a database that has everything", async ({ expect }) => {
    const user = await userInD1(2);
    const rows = await rowsOf(user);
    const feed = await env.DB.prepare("SELECT count(*) AS count FROM feed").first("count");
    await rebuilt();
    expect(await rowsOf(user)).toEqual(rows);
    expect(await env.DB.prepare("SELECT count(*) AS count FROM feed").first("count")).toBe(feed);
  });

  it("does not bring back a user who was erased after the point to which the database was restored", async ({
    expect,
  }) => {
    const [erased, kept] = [await userInD1(5), await userInD1(2)];
    const copy = await env.DB.prepare("SELECT * FROM events").all<Answer>();
    await call("DELETE", `/users/${erased}`);
    await vi.waitFor(async () => expect(await rowsOf(erased)).toEqual([]), 10_000);

    // This is the restore. The rows are back, and the tombstone is gone.
    await emptyD1();
    const columns = Object.keys(copy.results[0]!);
    const insert = `INSERT INTO events (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
    await env.DB.batch(copy.results.map((row) => env.DB.prepare(insert).bind(...columns.map((name) => row[name]))));
    expect(await rowsOf(erased)).toHaveLength(5);

    const { rebuild } = await rebuilt();
    expect(rebuild.erasures).toBeGreaterThan(0);
    expect(await rowsOf(erased)).toEqual([]);
    expect((await rowsOf(kept)).map(({ seq }) => seq as number)).toEqual([1, 2]);
    expect(await timelineOf(kept)).toHaveLength(2);
  });

  it("continues where it was stopped", async ({ expect }) => {
    const user = await userInD1(2);
    await emptyD1();
    const first = await rebuildDatabase(env, "DB", { restart: true, clock, until: 0 });
    expect(first.rebuild).toMatchObject({ stage: "erasures", users: 0 });
    const life = await incarnation();
    expect((await rebuilt()).rebuild).toMatchObject({ stage: "done", startedAt: first.rebuild.startedAt });
    expect(await incarnation()).toBe(life);
    expect(await rowsOf(user)).toHaveLength(2);
  });
});

describe("POST /rebuild", () => {
  it("is 503 if the platform ends a writer meanwhile", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    vi.spyOn(D1Writer.prototype, "userCount").mockImplementationOnce(() => {
      throw new Error("The object was reset");
    });
    const { status, body } = await call("POST", "/rebuild");
    expect([status, body["code"]]).toEqual([503, "unreachable"]);
    vi.restoreAllMocks();
  });

  it("answers how far it is", async ({ expect }) => {
    await userInD1(1);
    const { status, body } = await call("POST", "/rebuild?database=DB&restart=true");
    expect(status).toBe(200);
    expect(body).toMatchObject({ database: "DB", stage: "done", total_users: body["users"] });
  });

  it("refuses a database that is not bound", async ({ expect }) => {
    const { status, body } = await call("POST", "/rebuild?database=DB_7");
    expect(status).toBe(400);
    expect(body["errors"]).toEqual([{ pointer: "/database", detail: "is not a bound database: DB" }]);
  });
});
