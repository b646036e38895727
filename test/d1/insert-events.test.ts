import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import { encodeEventRow, type EventRow } from "../../src/d1/event-row.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { newUser, rowsOf } from "../tracklog.ts";

function row(changes: Partial<EventRow>): EventRow {
  return {
    user_id: "user123",
    generation: 1_700_000_000_000,
    seq: 1,
    revision: 1,
    event: "signed_up",
    timestamp: 1_700_000_000_000,
    message_id: null,
    properties: "{}",
    context: "{}",
    received_at: 1_700_000_000_000,
    source: null,
    ...changes,
  };
}

function insert(...rows: EventRow[]): Promise<void> {
  return insertEvents(env.DB, rows.map(encodeEventRow));
}

async function positionsOf(user: string): Promise<number[]> {
  return (await rowsOf(user)).map(({ position }) => position as number);
}

describe("insertEvents", () => {
  it("stores a row as it is, whatever its texts hold", async ({ expect }) => {
    const texts = {
      event: "a'b\"c\\d",
      message_id: "😀",
      properties: '{"a":"\\ud800\\u0000"}',
      context: '{"b":[1,null]}',
    };
    const stored = row({ user_id: newUser(), ...texts, source: "web", seq: 2 ** 40, timestamp: 0 });
    await insert(stored);
    const [{ position, ...columns }] = (await rowsOf(stored.user_id)) as [{ position: number }];
    expect(columns).toEqual(stored);
    expect(position).toBeGreaterThan(0);
  });

  it("keeps numbers as numbers, and a text that looks like one as a text", async ({ expect }) => {
    const user = newUser();
    await insert(row({ user_id: user, event: "007", message_id: "1e3" }));
    const types = "SELECT typeof(event) AS event, typeof(message_id) AS message_id, typeof(timestamp) AS timestamp";
    const stored = await env.DB.prepare(`${types} FROM events WHERE user_id = ?`).bind(user).first();
    expect(stored).toEqual({ event: "text", message_id: "text", timestamp: "integer" });
    expect(await rowsOf(user)).toMatchObject([{ event: "007", message_id: "1e3" }]);
  });

  it("changes nothing when the same statement is sent again", async ({ expect }) => {
    const user = newUser();
    const rows = [1, 2, 3].map((seq) => row({ user_id: user, seq }));
    await insert(...rows);
    const before = await rowsOf(user);
    await insert(...rows);
    await insert(...rows.slice(1));
    expect(await rowsOf(user)).toEqual(before);
  });

  it("never puts an older or equal revision over a newer one", async ({ expect }) => {
    const user = newUser();
    await insert(row({ user_id: user, revision: 3, properties: '{"n":3}' }));
    const before = await rowsOf(user);
    for (const revision of [1, 2, 3]) await insert(row({ user_id: user, revision, properties: '{"n":0}' }));
    expect(await rowsOf(user)).toEqual(before);
  });

  it("takes the newest of several revisions within one statement, in whatever order", async ({ expect }) => {
    for (const revisions of [
      [1, 2, 3],
      [3, 1, 2],
    ]) {
      const user = newUser();
      await insert(...revisions.map((revision) => row({ user_id: user, revision, properties: `{"n":${revision}}` })));
      expect(await rowsOf(user)).toMatchObject([{ revision: 3, properties: '{"n":3}' }]);
    }
  });

  it("keeps users and generations apart", async ({ expect }) => {
    const [a, b] = [newUser(), newUser()];
    await insert(row({ user_id: a }), row({ user_id: b }), row({ user_id: a, generation: 1_800_000_000_000 }));
    expect(await rowsOf(a)).toHaveLength(2);
    expect(await rowsOf(b)).toHaveLength(1);
  });
});

describe("the position of a row", () => {
  it("rises with every row of every statement", async ({ expect }) => {
    const user = newUser();
    for (const seqs of [[1, 2, 3], [4], [5, 6]]) await insert(...seqs.map((seq) => row({ user_id: user, seq })));
    const positions = await positionsOf(user);
    expect(positions).toHaveLength(6);
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
  });

  it("rises past those of other users", async ({ expect }) => {
    const [a, b] = [newUser(), newUser()];
    await insert(row({ user_id: a }));
    await insert(row({ user_id: b }));
    expect((await positionsOf(b))[0]).toBeGreaterThan((await positionsOf(a))[0]!);
  });

  it("moves to the end with an update, and only then", async ({ expect }) => {
    const user = newUser();
    await insert(...[1, 2, 3].map((seq) => row({ user_id: user, seq })));
    const [first, second, third] = (await positionsOf(user)) as [number, number, number];
    await insert(row({ user_id: user, seq: 1 }), row({ user_id: user, seq: 2, revision: 2 }));
    const after = await positionsOf(user);
    expect(after[0]).toBe(first);
    expect(after[1]).toBeGreaterThan(third);
    expect(after[1]).not.toBe(second);
    expect(after[2]).toBe(third);
  });

  it("is unique where a thousand rows come at once, new ones and updates mixed", async ({ expect }) => {
    const user = newUser();
    const rows = Array.from({ length: 1_000 }, (_, i) => row({ user_id: user, seq: i + 1 }));
    await insert(...rows.slice(0, 600));
    await insert(...rows.map((one) => ({ ...one, revision: 2 })));
    const positions = await positionsOf(user);
    expect(new Set(positions).size).toBe(1_000);
    expect(positions).toEqual(positions.toSorted((a, b) => a - b)); // the statement's order is kept
  });

  it("is never given out again after the newest rows were removed", async ({ expect }) => {
    const [a, b] = [newUser(), newUser()];
    await insert(row({ user_id: a }), row({ user_id: a, seq: 2 }));
    const seen = Math.max(...(await positionsOf(a)));
    await eraseEvents(env.DB, a, 1_700_000_000_000);
    expect(await rowsOf(a)).toEqual([]);
    await insert(row({ user_id: b }));
    expect((await positionsOf(b))[0]).toBeGreaterThan(seen); // else a reader whose cursor is there would miss it
  });
});
