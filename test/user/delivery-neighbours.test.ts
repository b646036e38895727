import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { encodeEventRow, EVENT_ROW_VERSION } from "../../src/d1/event-row.ts";
import { holdD1 } from "../d1-faults.ts";
import { newUser, rowsOf, tracked, userLog } from "../tracklog.ts";

const soon = { timeout: 5_000 };

function record(user: string, timestamp = 1) {
  return userLog(user).record([tracked({ userId: user, timestamp })], null);
}

function shipment(userId: string, ...rows: string[]) {
  return { version: EVENT_ROW_VERSION, userId, generation: 1, lacking: rows.length, since: null, rows };
}

function rowFor(user: string, changes: object = {}) {
  const event = { event: "e", timestamp: 1, message_id: null, properties: "{}", context: "{}" };
  const row = { user_id: user, generation: 1, seq: 1, revision: 1, ...event, received_at: 1, source: null };
  return encodeEventRow({ ...row, ...changes });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe("users that share a statement", () => {
  it("lose nothing if D1 refuses a row of one of them", async ({ expect }) => {
    const [first, bad, good] = [newUser(), newUser(), newUser()];
    vi.spyOn(console, "error").mockImplementation(() => {});
    const outcomes = await runInDurableObject(env.D1_WRITER.getByName("DB#0"), (writer) =>
      Promise.all([
        writer.insert(shipment(first, rowFor(first))),
        writer.insert(shipment(bad, rowFor(bad), rowFor(bad, { seq: 2, event: null }))),
        writer.insert(shipment(good, rowFor(good))),
      ]),
    );
    expect(outcomes).toEqual([
      { ok: true, refused: [] },
      { ok: true, refused: [1] },
      { ok: true, refused: [] },
    ]);
    for (const user of [first, good, bad]) expect(await rowsOf(user)).toHaveLength(1);
  });

  it("lose nothing if the object that began the statement in flight is gone", async ({ expect }) => {
    const [gone, waiting] = [newUser(), newUser()];
    const d1 = holdD1("before");
    await record(gone);
    await d1.reached();
    await record(waiting);
    await scheduler.wait(200); // until its rows are waiting in the writer
    await runInDurableObject(userLog(gone), (_, state) => state.abort("gone")).catch(() => {});
    d1.release();
    await vi.waitFor(async () => expect(await rowsOf(waiting)).toHaveLength(1), soon);
    await vi.waitFor(async () => expect(await rowsOf(gone)).toHaveLength(1), soon);
    await vi.waitFor(async () => expect((await userLog(waiting).summary())!.pending).toBe(0), soon);
  });

  it("lose nothing if the writer ends while their rows are waiting", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const users = [newUser(), newUser(), newUser()];
    const d1 = holdD1("before");
    await record(users[0]!);
    await d1.reached();
    for (const user of users.slice(1)) await record(user);
    await scheduler.wait(200);
    await runInDurableObject(env.D1_WRITER.getByName("DB#0"), (_, state) => state.abort("dead")).catch(() => {});
    d1.release();
    for (const user of users) {
      await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(1), soon); // although no other call was made
      await vi.waitFor(async () => expect((await userLog(user).summary())!.pending).toBe(0), soon);
    }
  });
});
