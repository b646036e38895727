import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import { encodeEventRow } from "../../src/d1/event-row.ts";
import { DAY_MS } from "../../src/d1/hour.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { newUser, rowsOf } from "../tracklog.ts";
import { eventRow, insertInto } from "./events-in-d1.ts";

/** The keys in the newest statement of the feed. */
async function newestKeys(): Promise<number[][]> {
  const keys = await env.DB.prepare("SELECT keys FROM feed ORDER BY position DESC LIMIT 1").first<string>("keys");
  return JSON.parse(keys!) as number[][];
}

async function statementCount(): Promise<number> {
  return (await env.DB.prepare("SELECT count(*) AS n FROM feed").first<number>("n"))!;
}

async function sharedDays(): Promise<unknown[]> {
  return (await env.DB.prepare("SELECT day FROM shared_days ORDER BY day").all()).results;
}

describe("insertEvents", () => {
  it("stores a row as it is, whatever its texts contain", async ({ expect }) => {
    const texts = {
      event: "a'b\"c\\d",
      message_id: "😀",
      properties: '{"a":"\\ud800\\u0000"}',
      context: '{"b":[1,null]}',
    };
    const generation = Number.MAX_SAFE_INTEGER;
    const stored = eventRow({ user_id: newUser(), ...texts, generation, source: "web", seq: 2 ** 40, timestamp: 0 });
    await insertInto(env.DB, stored);
    expect(await rowsOf(stored.user_id)).toEqual([{ ...stored, written_at: 1_700_000_000_000 }]);
    expect(await newestKeys()).toEqual([[0, generation, 2 ** 40, 1]]);
  });

  it("keeps numbers as numbers, and a text that looks like one as a text", async ({ expect }) => {
    const user = newUser();
    await insertInto(env.DB, { user_id: user, event: "007", message_id: "1e3" });
    const types = "SELECT typeof(event) AS event, typeof(message_id) AS message_id, typeof(timestamp) AS timestamp";
    const stored = await env.DB.prepare(`${types} FROM events WHERE user_id = ?`).bind(user).first();
    expect(stored).toEqual({ event: "text", message_id: "text", timestamp: "integer" });
    expect(await rowsOf(user)).toMatchObject([{ event: "007", message_id: "1e3" }]);
  });

  it("G2: changes neither the rows nor the feed if the same statement is sent again", async ({ expect }) => {
    const user = newUser();
    const rows = [1, 2, 3].map((seq) => ({ user_id: user, seq }));
    await insertInto(env.DB, ...rows);
    const [before, statements] = [await rowsOf(user), await statementCount()];
    await insertInto(env.DB, ...rows);
    await insertInto(env.DB, ...rows.slice(1));
    expect(await rowsOf(user)).toEqual(before);
    expect(await statementCount()).toBe(statements);
  });

  it("G4: never replaces a revision by an older or equal one", async ({ expect }) => {
    const user = newUser();
    await insertInto(env.DB, { user_id: user, revision: 3, properties: '{"n":3}' });
    const before = await rowsOf(user);
    for (const revision of [1, 2, 3]) await insertInto(env.DB, { user_id: user, revision, properties: '{"n":0}' });
    expect(await rowsOf(user)).toEqual(before);
  });

  it("stores the newest of several revisions in one statement, in any order", async ({ expect }) => {
    for (const revisions of [
      [1, 2, 3],
      [3, 1, 2],
    ]) {
      const user = newUser();
      await insertInto(
        env.DB,
        ...revisions.map((revision) => ({ user_id: user, revision, properties: `{"n":${revision}}` })),
      );
      expect(await rowsOf(user)).toMatchObject([{ revision: 3, properties: '{"n":3}' }]);
      expect(await newestKeys()).toEqual([[1_700_000_000_000, 1, 1, 3]]);
    }
  });

  it("adds a row to the feed once if a statement has it twice", async ({ expect }) => {
    const user = newUser();
    await insertInto(env.DB, { user_id: user }, { user_id: user, seq: 2 }, { user_id: user });
    expect((await newestKeys()).map(([, , seq]) => seq)).toEqual([1, 2]);
  });

  it("adds only new rows to the feed, in the statement's order", async ({ expect }) => {
    const user = newUser();
    await insertInto(env.DB, ...[1, 2, 3].map((seq) => ({ user_id: user, seq })));
    await insertInto(
      env.DB,
      { user_id: user, seq: 9, timestamp: 5 },
      { user_id: user, seq: 1 },
      { user_id: user, seq: 2, revision: 2 },
      { user_id: user, seq: 4, timestamp: 1 },
    );
    expect((await newestKeys()).map(([, , seq, revision]) => [seq, revision])).toEqual([
      [9, 1],
      [2, 2],
      [4, 1],
    ]);
  });

  it("keeps users and generations apart", async ({ expect }) => {
    const [a, b] = [newUser(), newUser()];
    await insertInto(env.DB, { user_id: a }, { user_id: b }, { user_id: a, generation: 2 });
    expect(await rowsOf(a)).toHaveLength(2);
    expect(await rowsOf(b)).toHaveLength(1);
  });

  it("leaves out rows that retention would remove, so that an update brings nothing back", async ({ expect }) => {
    const user = newUser();
    const statements = await statementCount();
    const rows = [99, 100].map((timestamp) => eventRow({ user_id: user, timestamp, seq: timestamp, revision: 2 }));
    await insertEvents(env.DB, [encodeEventRow(rows[0]!)], 100, 1);
    expect(await statementCount()).toBe(statements);
    await insertEvents(env.DB, rows.map(encodeEventRow), 100, 1_700_000_000_001);
    expect(await rowsOf(user)).toEqual([{ ...rows[1], written_at: 1_700_000_000_001 }]);
    expect(await newestKeys()).toEqual([[100, 1, 100, 2]]);
  });
});

describe("eraseEvents", () => {
  it("G8: keeps out late rows of the erased log, and deletes none of the next log", async ({ expect }) => {
    const user = newUser();
    const rows = [1, 2].map((seq) => ({ user_id: user, generation: 1, seq }));
    await insertInto(env.DB, ...rows, { user_id: user, generation: 2 });
    await eraseEvents(env.DB, user, 1, [[1_700_000_000_000, 1]], 5);
    expect(await rowsOf(user)).toMatchObject([
      { generation: 1, seq: 2 },
      { generation: 2, seq: 1 },
    ]);
    await eraseEvents(env.DB, user, 1, [[1_700_000_000_000, 2]], 6);
    const statements = await statementCount();
    await insertInto(env.DB, ...rows, { user_id: user, generation: 1, seq: 3 });
    expect(await rowsOf(user)).toMatchObject([{ generation: 2 }]);
    expect(await statementCount()).toBe(statements);
  });

  it("deletes nothing of another user, even one whose log has the same number", async ({ expect }) => {
    const [user, other] = [newUser(), newUser()];
    await insertInto(env.DB, { user_id: user }, { user_id: other });
    await eraseEvents(env.DB, user, 1, [[1_700_000_000_000, 1]], 5);
    await insertInto(env.DB, { user_id: other, revision: 2 });
    expect(await rowsOf(user)).toEqual([]);
    expect(await rowsOf(other)).toMatchObject([{ revision: 2 }]);
  });

  it("adds one line to the feed, however many statements it takes and however often they are repeated", async ({
    expect,
  }) => {
    const user = newUser();
    await insertInto(env.DB, { user_id: user });
    const statements = await statementCount();
    for (const seq of [1, 1, 2]) await eraseEvents(env.DB, user, 1, [[1_700_000_000_000, seq]], 5);
    expect(await statementCount()).toBe(statements + 1);
  });
});

describe("a day whose events may be in several databases", () => {
  it("is noted with its first one", async ({ expect }) => {
    const day = Date.UTC(2024, 0, 2);
    const row = encodeEventRow(eventRow({ user_id: newUser() }));
    await env.DB.prepare("DELETE FROM shared_days").run();
    await insertEvents(env.DB, [row], 0, day);
    expect(await sharedDays()).toEqual([]);
    for (let i = 0; i < 2; i++) await insertEvents(env.DB, [row], 0, day, { shared: [day + DAY_MS - 1, day, day - 1] });
    expect(await sharedDays()).toEqual([{ day: day - DAY_MS }, { day }]);
  });
});

describe("the feed", () => {
  it("dates no statement before the previous one, whatever the clock does", async ({ expect }) => {
    const [first, second, third, erased] = [newUser(), newUser(), newUser(), newUser()];
    await insertEvents(env.DB, [encodeEventRow(eventRow({ user_id: first }))], 0, 1_800_000_000_000);
    await insertEvents(env.DB, [encodeEventRow(eventRow({ user_id: second }))], 0, 1_700_000_000_000);
    await eraseEvents(env.DB, erased, 1, [], 1_700_000_000_000);
    await insertEvents(env.DB, [encodeEventRow(eventRow({ user_id: third }))], 0, 1_800_000_000_001);
    const { results } = await env.DB.prepare("SELECT written_at FROM feed ORDER BY position DESC LIMIT 4").all();
    expect(results.map(({ written_at }) => (written_at as number) - 1_800_000_000_000)).toEqual([1, 0, 0, 0]);
    expect(await rowsOf(second)).toMatchObject([{ written_at: 1_800_000_000_000 }]);
  });
});
