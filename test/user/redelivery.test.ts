import { env } from "cloudflare:workers";
import { afterEach, describe, it, vi } from "vitest";
import { MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS, SAFEGUARD_DELAY_MS } from "../../src/limits.ts";
import { deliverErasure } from "../../src/user/deliver-erasure.ts";
import { ValueStore } from "../../src/user/stored-values.ts";
import { breakD1, holdDeletion } from "../d1-faults.ts";
import { alarmOf, delivered, events, inStorage, newUser, record, rowsOf, userLog } from "../tracklog.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

async function removeRows(user: string): Promise<void> {
  await env.DB.prepare("DELETE FROM events WHERE user_id = ?").bind(user).run();
}

describe("a log that is sent again", () => {
  it("comes in parts of a bounded size, and whole", async ({ expect }) => {
    const user = newUser();
    const text = "x".repeat(MAX_STATEMENT_BYTES / 10);
    for (let i = 0; i < 2; i++) await record(user, ...events(7, 1 + 7 * i, { properties: { text } }));
    await delivered(user);
    await removeRows(user);
    const first = await userLog(user).redeliver("DB", null);
    if (!first.ok) throw new Error(first.error);
    expect(first.events).toBe(9);
    expect(await rowsOf(user)).toHaveLength(9);
    expect(await userLog(user).redeliver("DB", first.next)).toEqual({ ok: true, events: 5, next: null });
    expect((await rowsOf(user)).map((row) => row["seq"] as number)).toEqual(
      Array.from({ length: 14 }, (_, i) => i + 1),
    );
  });

  it("comes in parts of so many events, the last of which may be empty", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(MAX_STATEMENT_EVENTS));
    const first = await userLog(user).redeliver("DB", null);
    expect(first).toMatchObject({ ok: true, events: MAX_STATEMENT_EVENTS, next: expect.any(Array) as unknown });
    expect(await userLog(user).redeliver("DB", first.ok ? first.next : null)).toEqual({
      ok: true,
      events: 0,
      next: null,
    });
  });

  it("says that D1 does not take it, and does not go on", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(2));
    await delivered(user);
    const d1 = breakD1();
    expect(await userLog(user).redeliver("DB", null)).toMatchObject({
      ok: false,
      error: expect.stringContaining("away") as string,
    });
    d1.restore();
  });
});

describe("an erasure", () => {
  it("has its alarm on disk, some time ahead, while D1 is told", async ({ expect }) => {
    const user = newUser();
    await record(user, ...events(2));
    await delivered(user);
    const held = holdDeletion("before");
    const before = Date.now();
    await userLog(user).erase();
    await held.reached();
    const alarm = await alarmOf(user);
    held.release();
    expect(alarm).toBeGreaterThanOrEqual(before + SAFEGUARD_DELAY_MS);
  });

  it("begins nothing new when its time is up", async ({ expect }) => {
    const user = newUser();
    await inStorage(user, async (storage) => {
      const values = new ValueStore(storage);
      const copy = { database: "DB", events: 1, stage: "d1" as const, pack: 0, days: [], files: 0 };
      const erasure = { userId: user, events: 1, erasedAt: 1, copies: [copy], packs: 1, doneAt: null };
      values.put("erasure:7", erasure);
      expect(await deliverErasure(env, values, 7, "DB", Date.now())).toEqual({ kind: "more" });
      expect(await deliverErasure(env, values, 7, "DB_1", Date.now())).toEqual({ kind: "done" });
      expect(values.get("erasure:7")).toEqual(erasure);
      values.delete("erasure:7");
    });
  });
});
