import { describe, it } from "vitest";
import type { Point } from "../../bench/soak/growth.ts";
import { measureSoak, type Soak } from "../../bench/soak/soak.ts";
import { judgeSoak } from "../../bench/soak/soak-report.ts";
import { Unread } from "../../bench/soak/unread.ts";

/** Ten minutes with one point per second. */
function points(valueAt: (second: number) => number): Point[] {
  return Array.from({ length: 600 }, (_, second) => [second, valueAt(second)]);
}

const STEADY: Soak = {
  intervals: [{ seconds: 600, requestsPerSecond: 30, p50Ms: 2, p99Ms: 9, memoryMb: 300, unread: 40, backlog: 0 }],
  memoryMb: points(() => 300),
  unread: points(() => 40),
  backlog: points(() => 0),
  requests: 18_000,
  repeats: 0,
  events: 30_000,
  users: 1_000,
  erasures: 50,
  watched: { verdicts: 30_000, leftOut: 0, broken: null },
  violations: [],
};

/** Memory that grows from 200 to 300 MB as caches fill, and then goes up and down in steps, as a heap does. */
function heapAt(second: number): number {
  return 200 + Math.min(100, second) + (second % 17) * 2 + (second > 450 ? 4 : 0);
}

describe("the soak's verdict", () => {
  it("does not count a heap's ups and downs, a single step or the first minutes as growth", ({ expect }) => {
    expect(judgeSoak({ ...STEADY, memoryMb: points(heapAt) }).faults).toEqual([]);
  });

  it.for([
    ["memory", { memoryMb: points((second) => heapAt(second) + second * 0.08) }],
    ["unread", { unread: points((second) => 40 + second) }],
    ["backlog", { backlog: points((second) => second) }],
  ] as [string, Partial<Soak>][])("finds that %s grows", ([name, grown], { expect }) => {
    const { faults } = judgeSoak({ ...STEADY, ...grown });
    expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name} grew by `))]);
  });

  it("does not judge memory in a run that is too short", ({ expect }) => {
    const short: Soak = {
      ...STEADY,
      intervals: [{ ...STEADY.intervals[0]!, seconds: 60 }],
      memoryMb: points((second) => 200 + second).slice(0, 60),
    };
    const { lines, faults } = judgeSoak(short);
    expect(faults).toEqual([]);
    expect(lines.join("\n")).toContain("not judged");
  });

  it("reports missing events, refused requests, and a viewer whose stream ended", ({ expect }) => {
    const watched = { ...STEADY.watched, broken: "gone" };
    expect(judgeSoak({ ...STEADY, repeats: 1, watched, violations: ["one event"] }).faults).toHaveLength(3);
  });
});

describe("the events that a reader of the feed has not read", () => {
  it("count from their answer until they are read, even if they are read first", ({ expect }) => {
    const unread = new Unread();
    unread.answered("1");
    unread.read("2");
    unread.answered("2");
    unread.answered("3");
    unread.read("3");
    unread.read("3");
    expect(unread.size).toBe(1);
    unread.erased("1");
    expect(unread.size).toBe(0);
  });
});

describe("a soak of seconds", () => {
  it("finds every event that was answered", async ({ expect }) => {
    const soak = await measureSoak(0.07, () => {}, 20);
    expect(soak.violations).toEqual([]);
    expect(soak.watched.broken).toBeNull();
    expect(soak.intervals.length).toBeGreaterThan(0);
  });
});
