import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import { enforceRetention } from "../../src/d1/enforce-retention.ts";
import { incarnationOf } from "../../src/d1/incarnation.ts";
import { readFeed } from "../../src/d1/read-feed.ts";
import { eraseEvents } from "../../src/d1/erase-events.ts";
import {
  COPY_EXPIRY_DELAY_MS,
  MAX_FUTURE_MS,
  MAX_RETENTION_RUN_MS,
  MAX_RETENTION_STATEMENTS,
  RETENTION_CHUNK_ROWS,
  STATEMENT_TIMEOUT_MS,
  TOMBSTONE_DAYS,
} from "../../src/limits.ts";
import wrangler from "../../wrangler.toml?raw";
import { newUser, rowsOf } from "../tracklog.ts";
import { encodeEventRow } from "../../src/d1/event-row.ts";
import { insertEvents } from "../../src/d1/insert-events.ts";
import { emptyD1, eventRow, insertInto, seedD1 } from "./events-in-d1.ts";

const NOW = Date.UTC(2026, 0, 31);
const DAY_MS = 24 * 60 * 60 * 1000;
const THIRTY_DAYS = { ...env, RETENTION_DAYS: "30" } as Env;

beforeEach(() => emptyD1(env.DB, env.SECOND_DB));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** Puts events into D1 that happened this many days before NOW, in this order. */
function insertAged(user: string, ages: number[]): Promise<void> {
  return insertInto(
    env.DB,
    ...ages.map((days, i) => ({ user_id: user, seq: i + 1, timestamp: NOW - days * DAY_MS, received_at: NOW })),
  );
}

const seqsOf = async (user: string) => (await rowsOf(user)).map((row) => row["seq"]);
const newestPosition = () => env.DB.prepare("SELECT max(position) AS n FROM feed").first<number>("n");
const databaseThat = (run: () => Promise<never>) => ({ prepare: () => ({ bind: () => ({ run }) }) });
const countOf = (table: string) => env.DB.prepare(`SELECT count(*) AS n FROM ${table}`).first<number>("n");

describe("retention", () => {
  it("is off without RETENTION_DAYS", async ({ expect }) => {
    const log = vi.spyOn(console, "error");
    const user = newUser();
    await insertAged(user, [4000]);
    await enforceRetention({ ...env, RETENTION_DAYS: "" }, () => NOW);
    expect(await seqsOf(user)).toEqual([1]);
    expect(log).not.toHaveBeenCalled();
  });

  it.for(["30d", "never", "0", "-1", "NaN"])(
    "is off for RETENTION_DAYS=%s, and logs that",
    async (days, { expect }) => {
      const log = vi.spyOn(console, "error").mockImplementation(() => {});
      const user = newUser();
      await insertAged(user, [4000]);
      await enforceRetention({ ...env, RETENTION_DAYS: days }, () => NOW);
      expect(await seqsOf(user)).toEqual([1]);
      expect(log).toHaveBeenCalledWith(expect.stringContaining("retention_misconfigured"));
    },
  );

  it("removes events that happened longer ago, and keeps the rest", async ({ expect }) => {
    const user = newUser();
    await insertAged(user, [40, 31.1, 31, 30, 0]);
    await enforceRetention(THIRTY_DAYS, () => NOW);
    expect(await seqsOf(user)).toEqual([3, 4, 5]); // one day more than thirty, because clocks differ
  });

  it("removes one chunk after the other until nothing is left", async ({ expect }) => {
    await seedD1(2 * RETENTION_CHUNK_ROWS + 1, newUser());
    await enforceRetention(THIRTY_DAYS, () => NOW);
    expect(await countOf("events")).toBe(0);
    expect(await countOf("feed")).toBe(1); // the newest row holds the position
  });

  it("ends when its time is up, and the next run continues", async ({ expect }) => {
    await seedD1(4 * RETENTION_CHUNK_ROWS, newUser());
    let asked = 0;
    // The clock is read at the beginning and before each statement: tombstones, two for the feed, and two chunks of events.
    await enforceRetention(THIRTY_DAYS, () => NOW + (asked++ < 6 ? 0 : MAX_RETENTION_RUN_MS));
    expect(await countOf("events")).toBe(2 * RETENTION_CHUNK_ROWS);
    await enforceRetention(THIRTY_DAYS, () => NOW);
    expect(await countOf("events")).toBe(0);
  });

  it("keeps up with 5,000 events per second within the allowed queries", ({ expect }) => {
    const [, minutes] = /crons = \["\*\/(\d+) \* \* \* \*"\]/.exec(wrangler)!;
    const periodMs = Number(minutes) * 60_000;
    expect((MAX_RETENTION_STATEMENTS * RETENTION_CHUNK_ROWS) / (periodMs / 1000)).toBeGreaterThan(5_000);
    expect(MAX_RETENTION_RUN_MS + STATEMENT_TIMEOUT_MS).toBeLessThan(periodMs); // two runs never overlap
    expect(MAX_RETENTION_STATEMENTS).toBeLessThan(1_000);
  });

  it("keeps the feed's row of an event that was dated ahead as long as the event", async ({ expect }) => {
    const cutoff = NOW - 30 * DAY_MS - COPY_EXPIRY_DELAY_MS;
    const ahead = encodeEventRow(eventRow({ user_id: newUser(), timestamp: cutoff + 1 }));
    await insertEvents(env.DB, [ahead], 0, cutoff + 1 - MAX_FUTURE_MS);
    await insertAged(newUser(), [0]); // because the newest row stays in any case
    await enforceRetention(THIRTY_DAYS, () => NOW);
    expect(await countOf("feed")).toBe(2);
    await enforceRetention(THIRTY_DAYS, () => NOW + 2);
    expect(await countOf("feed")).toBe(1);
  });

  it("tells a reader who has not read the newest row that its events are gone", async ({ expect }) => {
    const expired = encodeEventRow(eventRow({ user_id: newUser(), timestamp: 1 }));
    await insertEvents(env.DB, [expired], 0, NOW - 400 * DAY_MS);
    const last = (await newestPosition())!;
    const life = (await incarnationOf(env.DB))!;
    const query = { order: "asc", limit: 10, bytes: 1_000_000 } as const;
    const before = () => readFeed(env.DB, [last, 0], query, life);
    expect(await before()).toMatchObject({ kind: "page", page: { lines: [{ kind: "event" }] } });
    await enforceRetention(THIRTY_DAYS, () => NOW);
    expect(await before()).toEqual({ kind: "gone" });
    expect(await readFeed(env.DB, [last + 1, 0], query, life)).toMatchObject({ kind: "page", page: { lines: [] } });
  });

  it("never uses a position again, because a reader may be there", async ({ expect }) => {
    await insertAged(newUser(), [40]);
    const before = await newestPosition();
    await enforceRetention(THIRTY_DAYS, () => NOW + 1000 * DAY_MS);
    await insertAged(newUser(), [0]);
    expect(await newestPosition()).toBeGreaterThan(before!);
  });

  it("keeps a tombstone as long as late rows may arrive, and no longer", async ({ expect }) => {
    await eraseEvents(env.DB, "old", 1, [], NOW - TOMBSTONE_DAYS * DAY_MS - 1);
    await eraseEvents(env.DB, "young", 1, [], NOW - TOMBSTONE_DAYS * DAY_MS);
    await enforceRetention({ ...env, RETENTION_DAYS: "" }, () => NOW);
    expect(await env.DB.prepare("SELECT user_id FROM erased").all()).toMatchObject({ results: [{ user_id: "young" }] });
  });

  it("serves the other databases without waiting for one that fails or hangs", async ({ expect }) => {
    const user = newUser();
    await insertAged(user, [40]);
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const failing = databaseThat(() => Promise.reject(new Error("D1 is away")));
    const hanging = databaseThat(() => new Promise(() => {}));
    const run = enforceRetention(
      { ...THIRTY_DAYS, DB: failing, DB_1: hanging, DB_2: env.DB } as unknown as Env,
      () => NOW,
    );
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(0), { timeout: 5_000 });
    await vi.advanceTimersByTimeAsync(STATEMENT_TIMEOUT_MS);
    await run;
    expect(log.mock.calls.map(([line]) => JSON.parse(line as string) as unknown)).toEqual([
      expect.objectContaining({ failure: "retention_failed", cause: "Error: D1 is away", database: "DB" }),
      expect.objectContaining({ failure: "retention_failed", cause: "Error: D1 did not answer", database: "DB_1" }),
    ]);
  });
});
