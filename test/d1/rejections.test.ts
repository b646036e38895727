import { env } from "cloudflare:workers";
import { describe, it, vi } from "vitest";
import { reasonOf } from "../../src/d1/rejections/rejection.ts";
import { storeRejections } from "../../src/d1/rejections/store-rejections.ts";
import { floorTo, HOUR_MS } from "../../src/d1/hour.ts";
import { Tally } from "../../src/d1/rejections/tally.ts";
import { noteRejection } from "../../src/d1/rejections/note-rejection.ts";
import { readRejections } from "../../src/d1/rejections/read-rejections.ts";
import { removeOldRejections } from "../../src/d1/rejections/remove-rejections.ts";
import {
  MAX_PAGE_BYTES,
  MAX_REASON_CHARACTERS,
  MAX_REJECTIONS,
  MAX_SAMPLES_OF_REASON,
  MAX_TALLIED_CHARACTERS,
  MAX_TALLIED_KINDS,
  MAX_TALLIED_REJECTIONS,
  REJECTIONS_INTERVAL_MS,
} from "../../src/limits.ts";

const NOW = Date.UTC(2026, 0, 2, 3, 30);

function rejection(changes: Record<string, unknown> = {}) {
  const [receivedAt, reason, path, source, event] = [NOW, "/a is required", "/track", "site", "signed_up"];
  return { receivedAt, reason, path, source, event, userId: null, faults: [], body: null, ...changes };
}

/** What a tally keeps of so many rejections for each of some reasons, at most three of a reason. */
function keptOf(reasons: number, each: number, body: string) {
  const tally = new Tally();
  for (let i = 0; i < reasons * each; i++) tally.keep(rejection({ reason: `reason ${i % reasons}`, body }), 3);
  return tally.rejections;
}

async function count(table: string, where = "true"): Promise<number> {
  return (await env.DB.prepare(`SELECT count(*) AS rows FROM ${table} WHERE ${where}`).first<number>("rows"))!;
}

describe("a reason", () => {
  it.for([
    [
      { pointer: "/timestamp", detail: "is an impossible date: 2026-2 has no day 30" },
      "/timestamp is an impossible date: N-N has no day N",
    ],
    [{ pointer: "", detail: "is too large: 70000 bytes, at most 65536" }, "The event is too large: N bytes, at most N"],
    [{ pointer: "/batch/12/event", detail: "is required" }, "/batch/N/event is required"],
  ] as const)("is the first fault without its numbers: %j", ([fault, reason], { expect }) => {
    expect(reasonOf([fault, { pointer: "/other", detail: "is required" }], "The event")).toBe(reason);
  });

  it("is there, and no longer than it may be, whatever the faults are", ({ expect }) => {
    expect(reasonOf([], "The body")).toBe("The body is invalid");
    expect(reasonOf([{ pointer: "", detail: "x".repeat(1_000) }], "The body")).toHaveLength(MAX_REASON_CHARACTERS);
  });
});

describe("a tally", () => {
  it("counts everything if a client invents names without end, and stays small if it invents reasons", ({ expect }) => {
    const tally = new Tally();
    for (let i = 0; i < 5_000; i++) tally.count(rejection({ event: `event ${i}` }));
    expect(tally.counts.length).toBeLessThanOrEqual(2 * MAX_TALLIED_KINDS);
    expect(tally.counts.reduce((sum, { rejections }) => sum + rejections, 0)).toBe(5_000);
    for (let i = 0; i < 5_000; i++) tally.count(rejection({ reason: `reason ${i}` }));
    expect(tally.counts).toHaveLength(2 * MAX_TALLIED_KINDS);
  });

  it("keeps so many of a reason to look at, and of all together what memory has room for", ({ expect }) => {
    const few = keptOf(2, 5, "{}");
    expect(few.filter(({ reason }) => reason === "reason 0")).toHaveLength(3);
    expect(few).toHaveLength(6);
    expect(keptOf(MAX_TALLIED_REJECTIONS + 1, 1, "{}")).toHaveLength(MAX_TALLIED_REJECTIONS);
    const tenth = MAX_TALLIED_CHARACTERS / 10 - JSON.stringify([]).length;
    expect(keptOf(20, 1, "x".repeat(tenth))).toHaveLength(10);
    expect(keptOf(20, 1, "x".repeat(tenth + 1))).toHaveLength(9);
  });

  it("takes back rejections that could not be stored", ({ expect }) => {
    const [tally, lost] = [new Tally(), new Tally()];
    for (const each of [tally, lost, lost]) each.count(rejection());
    lost.keep(rejection(), 10);
    tally.takeBack(lost);
    expect(tally.counts).toEqual([
      { hour: floorTo(HOUR_MS, NOW), reason: "/a is required", event: "signed_up", source: "site", rejections: 3 },
    ]);
    expect(tally.rejections).toHaveLength(1);
  });
});

/** Notes one more rejection, and waits until so many are stored. */
async function gathered(reason: string, rows: number): Promise<void> {
  noteRejection(env, rejection({ reason }));
  await vi.waitUntil(async () => (await count("rejections", `reason = '${reason}'`)) === rows);
}

describe("an isolate", () => {
  it("stores what it has gathered, and not again before a while has passed", async ({ expect }) => {
    const now = vi.spyOn(Date, "now").mockReturnValue(NOW);
    const wait = vi.spyOn(scheduler, "wait").mockResolvedValue();
    const reason = crypto.randomUUID();
    await gathered(reason, 1);
    await gathered(reason, 2);
    expect(wait.mock.calls.at(-1)).toEqual([REJECTIONS_INTERVAL_MS]);
    wait.mockRestore();
    now.mockRestore();
  });
});

describe("the table of rejections", () => {
  it("is read in pages of a bounded size", async ({ expect }) => {
    const reason = crypto.randomUUID();
    const body = JSON.stringify("x".repeat((MAX_PAGE_BYTES * 3) / 8));
    for (const event of ["a", "b", "c"]) {
      const tally = new Tally();
      tally.keep(rejection({ reason, event }), 1);
      await storeRejections(env, tally);
    }
    await env.DB.prepare("UPDATE rejections SET body = ? WHERE reason = ?").bind(body, reason).run();
    const first = await readRejections(env, { reason, limit: 9 });
    expect(first.rows.map(({ event }) => event)).toEqual(["c", "b"]);
    expect(first.next).toBe(first.rows[1]!.id);
    const second = await readRejections(env, { reason, limit: 9, before: first.next! });
    expect(second).toMatchObject({ rows: [{ event: "a" }], next: null });
  });

  it("keeps the first rejections of a reason in each hour, and counts all of them", async ({ expect }) => {
    for (let i = 0; i < 10; i++) {
      const tally = new Tally();
      for (let j = 0; j < 5; j++) {
        tally.count(rejection({ reason: "sampled" }));
        tally.keep(rejection({ reason: "sampled" }), 100);
      }
      await storeRejections(env, tally);
    }
    expect(await count("rejections", "reason = 'sampled'")).toBe(MAX_SAMPLES_OF_REASON);
    const counted = await env.DB.prepare("SELECT rejections FROM rejection_counts WHERE reason = 'sampled'").all();
    expect(counted.results).toEqual([{ rejections: 50 }]);
  });

  it("leaves them to the next run if D1 is away, and logs it", async ({ expect }) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const batch = vi.spyOn(env.DB, "batch").mockRejectedValue(new Error("D1 is away"));
    await removeOldRejections(env, NOW);
    batch.mockRestore();
    expect(log).toHaveBeenCalledWith(expect.stringMatching(/rejections_not_removed.*D1 is away/));
    log.mockRestore();
  });

  it("never grows beyond its bound, because the oldest rows are deleted", async ({ expect }) => {
    await env.DB.prepare(
      "INSERT INTO rejections (id, received_at, reason, path, faults) VALUES (?, 1, 'far', '/', '[]')",
    )
      .bind(MAX_REJECTIONS * 2)
      .run();
    const tally = new Tally();
    tally.count(rejection({ reason: "newest" }));
    tally.keep(rejection({ reason: "newest" }), 1);
    await storeRejections(env, tally);
    expect(await count("rejections")).toBe(2);
    expect(await count("rejections", "reason = 'newest'")).toBe(1);
  });
});
