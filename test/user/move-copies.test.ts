import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { archiveBucket } from "../../src/archive/bucket.ts";
import { writerOf } from "../../src/d1/writer-of.ts";
import { DAY_MS } from "../../src/d1/hour.ts";
import { emptyD1 } from "../d1/events-in-d1.ts";
import {
  bindDatabases,
  found,
  numbered,
  rebuilt,
  setMode,
  settled,
  unbindDatabases,
  updated,
  userInFirst,
  userOf,
  whereabouts,
} from "../several-databases.ts";
import { emptyCounters } from "../stats/counters-in-d1.ts";
import { type Answer, call, delivered, events, get, record, stateOf, userLog } from "../tracklog.ts";

// How rebuilding, archiving, erasing and reading deal with a log in several databases.

env.D1_DAYS = "30";
const bucket = archiveBucket(env)!;

beforeEach(async () => {
  bindDatabases("DB_1");
  for (const database of [env.DB, env.SECOND_DB]) await emptyCounters(database);
});

afterEach(() => unbindDatabases());

/** A user with three events in the first database, one of them updated, and two more in the second. */
async function userInBoth(): Promise<string> {
  const user = await userInFirst(3);
  env.CLOSED_DATABASES = "DB";
  await record(user, ...updated(2), ...events(2, 4));
  await delivered(user);
  env.CLOSED_DATABASES = "";
  return user;
}

async function erasureOf(user: string): Promise<Answer> {
  const { body } = await get(`/users/${user}/erasure`);
  return (body["erasures"] as Answer[])[0]!;
}

function forgotten(user: string): Promise<Answer> {
  return vi.waitFor(async () => {
    const erasure = await erasureOf(user);
    if (erasure["done_at"] === null) throw new Error(`still ${JSON.stringify(erasure)}`);
    return erasure;
  }, 10_000);
}

describe("a rebuild", () => {
  it.for(["DB", "DB_1"] as const)("of %s restores exactly the rows that belong there", async (name, { expect }) => {
    const user = await userInBoth();
    const database = name === "DB" ? env.DB : env.SECOND_DB;
    await emptyD1(database);
    await rebuilt(name);
    const { log, d1 } = await whereabouts(user);
    expect(d1).toBe(log);
    expect(await found("DB", user)).toHaveLength(3);
    expect(await found("DB_1", user)).toHaveLength(2);
  });

  it("after a restore removes events that have moved to another database since", async ({ expect }) => {
    const user = await userInFirst(3);
    const { results } = await env.DB.prepare("SELECT * FROM events").all<Answer>();
    setMode("DB", "full");
    await record(user, ...updated(2));
    await settled(user);
    setMode("DB", "ok");
    expect(await found("DB", user)).toEqual([...numbered(1, 1), ...numbered(3, 3)]);

    await env.DB.prepare("DELETE FROM events").run();
    for (const row of results) {
      const names = Object.keys(row);
      const insert = `INSERT INTO events (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
      await env.DB.prepare(insert)
        .bind(...Object.values(row))
        .run();
    }
    await rebuilt("DB");
    await rebuilt("DB_1");
    const { log, d1 } = await whereabouts(user);
    expect(d1).toBe(log);
  });

  it("includes a user whose events have all moved, because the first database may have had some", async ({
    expect,
  }) => {
    const user = userOf("DB");
    setMode("DB", "full");
    await record(user, ...events(1));
    await settled(user);
    expect(await listed("DB", user)).toContain(user);
    expect(await listed("DB_1", user)).toContain(user);
  });
});

describe("an erasure", () => {
  it("is complete when it is done in both databases, and says how far each is", async ({ expect }) => {
    const user = await userInBoth();
    setMode("DB_1", "away");
    const { body } = await call("DELETE", `/users/${user}`);
    expect(body).toMatchObject({ erased: 5 });
    await vi.waitFor(async () => expect(await found("DB", user)).toEqual([]), 5_000);
    await vi.waitFor(async () => {
      expect(await erasureOf(user)).toMatchObject({
        events: 5,
        done_at: null,
        databases: [
          { database: "DB_1", events: 2, stage: "d1" },
          { database: "DB", events: 3, stage: "done" },
        ],
      });
    }, 5_000);
    setMode("DB_1", "ok");
    expect(await found("DB_1", user)).toHaveLength(2);
    await runDurableObjectAlarm(userLog(user));
    expect(await forgotten(user)).toMatchObject({ databases: [{ stage: "done" }, { stage: "done" }] });
    expect(await found("DB_1", user)).toEqual([]);
    for (const name of ["DB", "DB_1"]) expect(await listed(name, user)).not.toContain(user);
  });

  it("covers the archives of both", async ({ expect }) => {
    const user = await userInBoth();
    for (const [name, database] of [
      ["DB", env.DB],
      ["DB_1", env.SECOND_DB],
    ] as const) {
      await database.prepare("UPDATE events SET written_at = 0").run();
      await env.ARCHIVER.getByName(name).run();
      expect(await found(name, user)).toEqual([]);
    }
    await call("DELETE", `/users/${user}`);
    expect(await forgotten(user)).toMatchObject({ databases: [{ archived_files: 1 }, { archived_files: 1 }] });
    const { objects } = await bucket.list({ prefix: "events/" });
    for (const { key } of objects) expect(await (await bucket.get(key))!.text()).not.toContain(user);
  });

  it("leaves nothing anywhere, even if it comes while events move", async ({ expect }) => {
    const user = await userInFirst(2);
    setMode("DB", "lost");
    await record(user, ...events(2, 3));
    await vi.waitUntil(async () => (await found("DB", user)).length === 4);
    setMode("DB", "full");
    await record(user, ...events(2, 5));
    await Promise.all([runDurableObjectAlarm(userLog(user)), userLog(user).erase()]);
    await record(user, ...events(1, 9));
    await forgotten(user);
    await settled(user);
    expect([...(await found("DB", user)), ...(await found("DB_1", user))]).toEqual([[1, 1]]);
  });
});

/** Makes all rows old enough for the archive, and runs it. */
async function archive(): Promise<void> {
  await env.DB.prepare("UPDATE events SET written_at = 0").run();
  await env.ARCHIVER.getByName("DB").run();
}

/** Puts events into the log as if they had arrived long ago. */
async function longAgo(run: () => Promise<unknown>): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3 * DAY_MS });
  try {
    await run();
  } finally {
    vi.useRealTimers();
  }
}

async function whereaboutsInLog(user: string): Promise<string[]> {
  const { stretches } = (await stateOf(user))!.moved!;
  return [1, 2, 3].map((seq) => stretches.findLast(({ first }) => first <= seq)!.database);
}

describe("a full database with an archive", () => {
  it("keeps events that it has archived, although the log does not know that they arrived", async ({ expect }) => {
    const user = userOf("DB");
    await longAgo(async () => {
      setMode("DB", "lost");
      await record(user, ...events(2));
      await vi.waitUntil(async () => (await found("DB", user)).length === 2);
    });
    await archive();
    expect(await found("DB", user)).toEqual([]);
    setMode("DB", "full");
    await record(user, ...events(1, 3));
    await settled(user);
    expect(await found("DB_1", user)).toEqual([[3, 1]]);
    expect(await whereaboutsInLog(user)).toEqual(["DB", "DB", "DB_1"]);
  });

  it.for(["archived", "about to be"])(
    "keeps an event whose older revision is %s, which then waits for space",
    async (when, { expect }) => {
      const user = userOf("DB");
      await longAgo(async () => {
        await record(user, ...events(2));
        await delivered(user);
      });
      if (when === "archived") await archive();
      else await env.DB.prepare("UPDATE events SET written_at = 0").run();
      setMode("DB", "full");
      await record(user, ...updated(1), ...events(1, 3));
      await vi.waitFor(async () => expect(await found("DB_1", user)).toEqual([[3, 1]]), 5_000);
      expect((await userLog(user).summary())!.pending).toBe(1);
      setMode("DB", "ok");
      await settled(user);
      expect((await found("DB", user))[0]).toEqual([1, 2]);
      expect(await found("DB_1", user)).toEqual([[3, 1]]);
    },
  );
});

describe("a reader of several databases", () => {
  it("finds each event once in the feed, and counts no user of a day twice", async ({ expect }) => {
    const user = await userInBoth();
    const { body: feed } = await get("/events?after=&limit=500");
    const lines = (feed["events"] as Answer[]).filter((line) => line["user_id"] === user);
    expect(lines.map(({ seq }) => seq as number).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    await record(user, ...events(1, 10 * DAY_MS)); // on another day, in one database only
    await delivered(user);
    const { body } = await get("/stats?from=2023-11-14&to=2023-11-30&by=day");
    expect(body["rows"]).toEqual([
      { day: "2023-11-14T00:00:00.000Z", events: 5, users: null },
      { day: "2023-11-24T00:00:00.000Z", events: 1, users: 1 },
    ]);
  });

  it("sees that no user waits for a full database after all events have moved", async ({ expect }) => {
    const user = await userInFirst(1);
    setMode("DB", "full");
    await record(user, ...events(2, 2));
    await settled(user);
    const waiting = await Promise.all(["DB", "DB_1"].map((name) => writerOf(env, name, user).status()));
    expect(waiting.map((status) => status.waiting.users)).toEqual([0, 0]);
  });
});

/** The users in the directory of a user's writer. */
async function listed(database: string, user: string): Promise<string[]> {
  const users = await writerOf(env, database, user).usersAfter("", 100_000);
  return users.map(({ user_id }) => user_id);
}
