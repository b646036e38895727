import { env } from "cloudflare:workers";
import { beforeEach, describe, it, vi } from "vitest";
import { archiveBucket } from "../../src/archive/bucket.ts";
import { emptyD1 } from "../d1/events-in-d1.ts";
import { type Answer, anEvent, delivered, get, newUser, rowsOf, track } from "../tracklog.ts";

env.D1_DAYS = "30";

beforeEach(() => emptyD1(env.DB));

/** Tracks an event, and makes D1's row as old as the event. */
async function trackedAt(user: string, timestamp: string, writtenAt: number): Promise<void> {
  await track(anEvent({ user_id: user, timestamp }));
  await delivered(user);
  for (const table of ["events", "feed"])
    await env.DB.prepare(`UPDATE ${table} SET written_at = ? WHERE written_at > ?`).bind(writtenAt, RECENT).run();
}

const DAY_MS = 86_400_000;
const RECENT = Date.now() - 1_000;
const LONG_AGO = Date.now() - 100 * DAY_MS;
const DAYS_AGO = Date.now() - 10 * DAY_MS;

function archive() {
  return env.ARCHIVER.getByName("DB").run();
}

function seqsOf({ body }: { body: Answer }): [string, number][] {
  return (body["events"] as Answer[]).map((event) => [event["user_id"] as string, event["seq"] as number]);
}

describe("the feed and the archive", () => {
  it("still have what D1 keeps, however long ago it was written", async ({ expect }) => {
    const user = newUser();
    await trackedAt(user, "2024-01-02", LONG_AGO);
    await trackedAt(user, "2024-01-03", DAYS_AGO);
    expect(await archive()).toMatchObject({ ok: true, report: { rows: 1 } });
    expect((await rowsOf(user)).map(({ seq }) => seq as number)).toEqual([2]);
    expect(seqsOf(await get("/events"))).toEqual([[user, 2]]);
  });

  it("tell a reader who has not read the removed events, and nobody else", async ({ expect }) => {
    const user = newUser();
    const before = (await get("/events")).body["next_cursor"] as string;
    await trackedAt(user, "2024-01-02", LONG_AGO);
    const behind = (await get(`/events?after=${before}`)).body["next_cursor"] as string;
    await trackedAt(user, "2024-01-03", LONG_AGO);
    const past = (await get(`/events?after=${behind}`)).body["next_cursor"] as string;
    await archive();
    // Everything has left, including the events of the feed's newest row, which stays empty.
    expect((await get(`/events?after=${behind}`)).status).toBe(410);
    expect((await get(`/events?after=${past}`)).body).toMatchObject({ events: [], more: false });
    const anew = await get("/events");
    expect(anew.body).toMatchObject({ events: [], more: false });

    await trackedAt(user, "2024-01-04", DAYS_AGO);
    for (const cursor of [past, anew.body["next_cursor"] as string])
      expect(seqsOf(await get(`/events?after=${cursor}`))).toEqual([[user, 3]]);
    expect((await get(`/events?after=${behind}`)).status).toBe(410);
  });

  it("do not change the feed as long as nothing can be archived", async ({ expect }) => {
    const user = newUser();
    await trackedAt(user, "2024-01-02", LONG_AGO);
    await trackedAt(user, "2024-01-03", LONG_AGO);
    const put = vi.spyOn(archiveBucket(env)!, "put").mockRejectedValue(new Error("R2 is away"));
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await archive()).toMatchObject({ ok: false });
    expect(seqsOf(await get("/events"))).toEqual([
      [user, 1],
      [user, 2],
    ]);
    put.mockRestore();
    log.mockRestore();
    expect(await archive()).toMatchObject({ ok: true, report: { rows: 2 } });
  });
});
