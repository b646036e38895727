import { env } from "cloudflare:workers";
import { beforeEach, describe, it } from "vitest";
import { encodeEventRow, EVENT_ROW_VERSION } from "../../src/d1/event-row.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { epochOf, releaseEvents } from "../../src/d1/release-events.ts";
import { removeLeftovers } from "../../src/d1/remove-leftovers.ts";
import { writerOf } from "../../src/d1/writer-of.ts";
import { emptyCounters } from "../stats/counters-in-d1.ts";
import { newUser } from "../tracklog.ts";
import { eventRow, insertInto } from "./events-in-d1.ts";

const AT = 1_700_000_000_000;
const HOUR_OF_AT = AT - (AT % 3_600_000);

beforeEach(() => emptyCounters(env.DB));

async function rows(): Promise<unknown[]> {
  return (await env.DB.prepare("SELECT user_id, seq, revision FROM events ORDER BY seq, user_id").raw()).slice();
}

async function staleHours(): Promise<unknown[]> {
  return (await env.DB.prepare("SELECT hour FROM stale_hours").raw()).flat();
}

describe("releaseEvents", () => {
  it("deletes older revisions, returns what stays, and changes no other user's rows", async ({ expect }) => {
    await insertInto(
      env.DB,
      { seq: 1, revision: 2 },
      { seq: 2 },
      { seq: 3 },
      { seq: 3, user_id: "other" },
      { seq: 3, generation: 2, user_id: "user1234" },
    );
    const keys = [1, 3, 4].map((seq) => [AT, seq, 2] as [number, number, number]);
    expect(await releaseEvents(env.DB, "user123", 1, keys, 0)).toEqual([[1, 2]]);
    expect(await rows()).toEqual([
      ["user123", 1, 2],
      ["user123", 2, 1],
      ["other", 3, 1],
      ["user1234", 3, 1],
    ]);
    expect(await staleHours()).toEqual([HOUR_OF_AT]);
    const feed = await env.DB.prepare("SELECT count(*) AS n FROM feed").first("n");
    expect(feed).toBe(1); // the feed mentions no erasure
  });

  it("keeps rows that the archive may have or that a sealed hour has counted", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1 });
    expect(await releaseEvents(env.DB, "user123", 1, [[AT, 1, 2]], AT + 1)).toEqual([[1, 1]]);
    await env.DB.prepare("UPDATE rollup SET sealed_before = ?")
      .bind(AT + 1)
      .run();
    expect(await releaseEvents(env.DB, "user123", 1, [[AT, 1, 2]], 0)).toEqual([[1, 1]]);
    expect(await rows()).toEqual([["user123", 1, 1]]);
    expect(await staleHours()).toEqual([]);
  });

  it("makes all insertions fail that were made before", async ({ expect }) => {
    const epoch = await epochOf(env.DB);
    await releaseEvents(env.DB, "user123", 1, [[AT, 1, 1]], 0);
    const late = insertEvents(env.DB, [encodeEventRow(eventRow())], 0, 1, { epoch });
    await expect(late).rejects.toThrow(/malformed JSON/);
    expect(await rows()).toEqual([]);
    expect(await env.DB.prepare("SELECT count(*) AS n FROM feed").first("n")).toBe(0);
    await insertEvents(env.DB, [encodeEventRow(eventRow())], 0, 1, { epoch: epoch + 1 });
    expect(await rows()).toHaveLength(1);
  });
});

describe("removeLeftovers", () => {
  it("deletes these rows of one log in any revision, and marks their hours to be counted again", async ({ expect }) => {
    await insertInto(env.DB, { seq: 1, revision: 7 }, { seq: 2 }, { seq: 1, user_id: "other" });
    await removeLeftovers(env.DB, "user123", 1, [
      [AT, 1],
      [AT, 9],
    ]);
    expect(await rows()).toEqual([
      ["other", 1, 1],
      ["user123", 2, 1],
    ]);
    expect(await staleHours()).toEqual([HOUR_OF_AT]);
  });
});

/** What a log says about itself with each call. */
const log = (userId: string, moves: number) => ({ version: EVENT_ROW_VERSION, userId, generation: 1, moves });
const shipment = (userId: string, moves: number, seq: number) => ({
  ...log(userId, moves),
  lacking: 1,
  since: null,
  rows: [encodeEventRow(eventRow({ user_id: userId, seq }))],
});

describe("a writer", () => {
  it("refuses outdated calls from before a move, and notes no user as waiting for them", async ({ expect }) => {
    const user = newUser();
    const writer = writerOf(env, "DB", user);
    expect(await writer.insert(shipment(user, 0, 1))).toMatchObject({ ok: true });
    const released = { keys: [[AT, 2, 1]] as [number, number, number][], writtenAfter: 0, isAll: true };
    expect(await writer.release({ ...log(user, 1), ...released })).toEqual({ ok: true, kept: [] });
    for (const moves of [0, 1]) {
      const answer = await writer.insert(shipment(user, moves, 2 + moves));
      expect(answer.ok).toBe(moves === 1);
      expect(await writer.release({ ...log(user, moves), ...released })).toMatchObject({ ok: moves === 1 });
      const removed = await writer.removeLeftovers({ ...log(user, moves), keys: [[AT, 1]] });
      expect(removed.ok).toBe(moves === 1);
      expect((await writer.status()).waiting.users).toBe(0);
    }
    expect(await rows()).toEqual([[user, 3, 1]]);
  });

  it("knows the moves of a log although the user's next log has moved as well", async ({ expect }) => {
    const user = newUser();
    const writer = writerOf(env, "DB", user);
    const released = { keys: [[AT, 2, 1]] as [number, number, number][], writtenAfter: 0, isAll: true };
    for (const generation of [1, 2])
      expect(await writer.release({ ...log(user, 1), generation, ...released })).toMatchObject({ ok: true });
    for (const generation of [1, 2])
      expect(await writer.insert({ ...shipment(user, 0, 2), generation })).toMatchObject({ ok: false });
  });

  it("continues after another lane has raised the epoch", async ({ expect }) => {
    const user = newUser();
    const writer = writerOf(env, "DB", user);
    expect(await writer.insert(shipment(user, 0, 1))).toMatchObject({ ok: true });
    await releaseEvents(env.DB, "somebody", 1, [[AT, 1, 1]], 0);
    expect(await writer.insert(shipment(user, 0, 2))).toMatchObject({ ok: false, failure: "away" });
    expect(await writer.insert(shipment(user, 0, 2))).toMatchObject({ ok: true });
  });
});
