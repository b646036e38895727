import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, it, vi } from "vitest";
import type { Archiver } from "../../src/archive/archiver.ts";
import { archiveBucket, Bucket } from "../../src/archive/bucket.ts";
import type { Job } from "../../src/archive/job.ts";
import { readManifest } from "../../src/archive/manifest.ts";
import { readParquet } from "../../src/archive/parquet-file.ts";
import { EVENT_ROW_COLUMNS, type EventRow } from "../../src/d1/event-row.ts";
import { emptyCounters } from "../stats/counters-in-d1.ts";
import { anEvent, get, newUser, rowsOf, track } from "../tracklog.ts";

env.D1_DAYS = "30";
const bucket = archiveBucket(env)!;

function manifestOf() {
  return readManifest(new Bucket(bucket), "DB");
}

beforeEach(async () => {
  await emptyCounters(env.DB);
  const { objects } = await bucket.list();
  await bucket.delete(objects.map(({ key }) => key));
});

afterEach(() => {
  vi.restoreAllMocks();
});

function archiver() {
  return env.ARCHIVER.getByName("DB");
}

/** A user with events on some days. D1 has had all of them for a long time. */
async function userWithEvents(timestamps: string[]): Promise<string> {
  const user = newUser();
  await track(timestamps.map((timestamp, n) => anEvent({ user_id: user, timestamp, properties: { n, text: "é" } })));
  await vi.waitFor(async () => {
    if ((await rowsOf(user)).length !== timestamps.length) throw new Error("not there yet");
  }, 10_000);
  await age();
  return user;
}

async function age(): Promise<void> {
  await env.DB.prepare("UPDATE events SET written_at = 0").run();
}

/** Every row in the files that the manifest lists. */
async function archived(): Promise<EventRow[]> {
  const { manifest } = await manifestOf();
  const files = manifest.objects.map(({ name, bytes }) =>
    readParquet(new Bucket(bucket).file(name, bytes), { columns: EVENT_ROW_COLUMNS }),
  );
  return (await Promise.all(files)).flat();
}

function refuseSecondDay(put: R2Bucket["put"]): R2Bucket["put"] {
  return ((name: string, ...rest: [string]) => {
    if (name.includes("2024-02-03")) throw new Error("R2 is away");
    return put(name, ...rest);
  }) as R2Bucket["put"];
}

function withoutWriting(row: Record<string, unknown>): unknown {
  return Object.fromEntries(Object.entries(row).filter(([column]) => column !== "written_at"));
}

describe("the archiver", () => {
  it("moves rows that are old enough from D1 into files by day, column by column as they were", async ({ expect }) => {
    const user = await userWithEvents(["2024-01-02T03:04:05Z", "2024-01-02T03:04:06Z", "2024-02-03", "2026-11-20"]);
    const before = (await rowsOf(user)).map(withoutWriting);
    const report = await archiver().run();
    expect(report).toMatchObject({ ok: true, report: { files: 2, rows: 3, more: false } });

    const { manifest } = await manifestOf();
    expect(manifest.objects.map(({ day, rows }) => [day, rows])).toEqual([
      ["2024-01-02", 2],
      ["2024-02-03", 1],
    ]);
    expect((await archived()).sort((a, b) => a.seq - b.seq)).toEqual(before.slice(0, 3));
    expect((await rowsOf(user)).map(withoutWriting)).toEqual(before.slice(3));
  });

  it("leaves rows that were written recently, for the readers of the feed", async ({ expect }) => {
    const user = await userWithEvents(["2024-01-02"]);
    await env.DB.prepare("UPDATE events SET written_at = ?").bind(Date.now()).run();
    expect(await archiver().run()).toMatchObject({ report: { files: 0 } });
    expect(await rowsOf(user)).toHaveLength(1);
  });

  it("does nothing the second time", async ({ expect }) => {
    await userWithEvents(["2024-01-02"]);
    await archiver().run();
    expect(await archiver().run()).toMatchObject({ report: { files: 0, rows: 0 } });
    expect(await archived()).toHaveLength(1);
  });

  it("also archives a late event and a late update of an archived day", async ({ expect }) => {
    const user = await userWithEvents(["2024-01-02T00:00:00Z"]);
    await archiver().run();
    await track([
      anEvent({ user_id: user, timestamp: "2024-01-02T00:00:00Z", properties: { more: 1 } }),
      anEvent({ user_id: user, timestamp: "2024-01-02T05:00:00Z" }),
    ]);
    await vi.waitFor(async () => expect(await rowsOf(user)).toHaveLength(2), 10_000);
    await age();
    await archiver().run();
    expect(await rowsOf(user)).toEqual([]);
    // The day's small files have been merged, which has removed the older revision.
    const rows = await archived();
    expect(rows.map(({ seq, revision }) => [seq, revision])).toEqual([
      [1, 2],
      [2, 1],
    ]);
    expect((await manifestOf()).manifest.objects).toHaveLength(1);
    expect((await bucket.list({ prefix: "events/v1/day=" })).objects).toHaveLength(1);
  });

  it.for(["planned", "written", "listed"] as const)(
    "neither loses nor doubles an event in a crash after the state %s",
    async (state, { expect }) => {
      const user = await userWithEvents(["2024-01-02T00:00:00Z", "2024-01-02T00:00:01Z"]);
      const before = (await rowsOf(user)).map(withoutWriting);
      vi.spyOn(console, "error").mockImplementation(() => {});
      await runInDurableObject(archiver(), (_: Archiver, { storage }) => {
        const put = storage.kv.put.bind(storage.kv);
        vi.spyOn(Object.getPrototypeOf(storage.kv) as typeof storage.kv, "put").mockImplementation((key, value) => {
          put(key, value);
          if (key === "job" && (value as Job).state === state) throw new Error("a crash");
        });
      });
      await archiver().run();
      vi.restoreAllMocks();
      await abortAllDurableObjects();
      await archiver().run();
      expect((await archived()).sort((a, b) => a.seq - b.seq)).toEqual(before);
      expect(await rowsOf(user)).toEqual([]);
    },
  );

  it("keeps a row that was updated between the reading and the removal", async ({ expect }) => {
    const user = await userWithEvents(["2024-01-02"]);
    const put = bucket.put.bind(bucket);
    vi.spyOn(bucket, "put").mockImplementation(async (...args: Parameters<R2Bucket["put"]>) => {
      if (!args[0].endsWith(".parquet")) return put(...args);
      await env.DB.prepare("UPDATE events SET revision = 2, written_at = ? WHERE user_id = ?")
        .bind(Date.now(), user)
        .run();
      return put(...args);
    });
    await archiver().run();
    expect(await rowsOf(user)).toMatchObject([{ revision: 2 }]);
    expect(await archived()).toMatchObject([{ revision: 1 }]);
  });

  it("leaves an hour with new events in D1 until they are counted", async ({ expect }) => {
    const user = await userWithEvents(["2024-01-02T03:04:05Z", "2024-01-02T04:04:05Z"]);
    const hour = Date.parse("2024-01-02T03:00:00Z");
    const put = bucket.put.bind(bucket);
    vi.spyOn(bucket, "put").mockImplementation(async (...args: Parameters<R2Bucket["put"]>) => {
      if (args[0].endsWith(".parquet"))
        await env.DB.prepare("INSERT INTO stale_hours (hour) VALUES (?)").bind(hour).run();
      return put(...args);
    });
    await archiver().run();
    vi.restoreAllMocks();
    expect(await rowsOf(user)).toHaveLength(2);
    expect(await env.DB.prepare("SELECT sealed_before > ? AS sealed FROM rollup").bind(hour).first("sealed")).toBe(0);
    await archiver().run();
    expect(await rowsOf(user)).toEqual([]);
    expect(await archived()).toHaveLength(2);
    expect((await manifestOf()).manifest.objects).toHaveLength(1);
  });

  it("continues after R2 has failed", async ({ expect }) => {
    const user = await userWithEvents(["2024-01-02"]);
    vi.spyOn(bucket, "put").mockRejectedValueOnce(new Error("R2 is away"));
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect(await archiver().run()).toEqual({ ok: false, error: "Error: R2 is away" });
    expect(await rowsOf(user)).toHaveLength(1);
    await archiver().run();
    expect(await rowsOf(user)).toEqual([]);
    expect(await archived()).toHaveLength(1);
  });

  it("removes from the feed what leaves D1 first, even if it fails afterwards", async ({ expect }) => {
    await userWithEvents(["2024-01-02", "2024-02-03"]);
    const cursor = String((await get("/events?limit=1")).body["next_cursor"]);
    // Add a later statement, because the feed keeps its newest one.
    await userWithEvents([new Date().toISOString()]);
    await env.DB.prepare("UPDATE feed SET written_at = 0").run();
    vi.spyOn(console, "error").mockImplementation(() => {});
    const put = refuseSecondDay(bucket.put.bind(bucket));
    vi.spyOn(bucket, "put").mockImplementation(put);
    expect(await archiver().run()).toEqual({ ok: false, error: "Error: R2 is away" });
    expect((await get(`/events?after=${cursor}`)).status).toBe(410);
  });

  it("erases a log from its files, so that no byte of the user is left", async ({ expect }) => {
    const [erased, kept] = [await userWithEvents(["2024-01-02"]), await userWithEvents(["2024-01-02"])];
    const [{ generation }] = (await rowsOf(erased)) as [{ generation: number }];
    await archiver().run();
    expect(await archiver().erase(erased, generation, ["2024-01-02"])).toEqual({ files: 1, left: [] });
    expect((await archived()).map(({ user_id }) => user_id)).toEqual([kept]);
    const { objects } = await bucket.list({ prefix: "events/" });
    const texts = await Promise.all(objects.map(async ({ key }) => (await bucket.get(key))!.text()));
    expect(texts.some((text) => text.includes(erased))).toBe(false);
    expect(await archiver().erase(erased, generation, ["2024-01-02"])).toEqual({ files: 0, left: [] });
  });

  it("makes a lost manifest again", async ({ expect }) => {
    await userWithEvents(["2024-01-02", "2024-01-05"]);
    await archiver().run();
    const before = (await manifestOf()).manifest;
    await bucket.delete("events/v1/manifest/DB.json");
    await archiver().run();
    expect((await manifestOf()).manifest).toEqual({ ...before, version: before.version + 1 });
  });
});
