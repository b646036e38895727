import { growthOf, laterHalf, type Point } from "./growth.ts";
import type { Interval, Soak } from "./soak.ts";

/**
 * By how much memory may seem to grow in the later half. workerd's allocator and V8's heap take and return memory in steps of
 * some megabytes, and V8 does not collect garbage while it has room. A leak of one kilobyte per request would be twice this.
 */
const MEMORY_ALLOWANCE_MB = 16;

/** A shorter run says nothing about memory, because workerd's caches and V8's heap take minutes to fill. */
const MIN_JUDGED_MEMORY_SECONDS = 9 * 60;

/** By how much the backlog may seem to grow: the events of one second, because the feed's reader pauses for as long. */
const BACKLOG_ALLOWANCE_SECONDS = 1;

const WIDTH = 80;
const BARS = "▁▂▃▄▅▆▇█";

export const INTERVAL_HEADING = ["time", "requests/s", "p50 ms", "p99 ms", "memory MB", "unread", "backlog"]
  .map(cell)
  .join("");

export function intervalLine({ seconds, requestsPerSecond, ...of }: Interval): string {
  const time = `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
  const { p50Ms, p99Ms, memoryMb, unread, backlog } = of;
  const values = [requestsPerSecond, p50Ms, p99Ms, memoryMb, unread, backlog];
  const digits = [1, 1, 1, 0, 0, 0];
  return [time, ...values.map((value, index) => value.toFixed(digits[index]))].map(cell).join("");
}

/** Draws each value over the whole time as a line of bars from zero to the highest value, followed by its range. */
export function soakChart({ intervals }: Soak): string {
  const line = (name: string, valueOf: (interval: Interval) => number, unit: string) => {
    const values = intervals.map(valueOf);
    const most = Math.max(...values);
    const times = Math.max(1, Math.floor((WIDTH - 32) / values.length));
    const bars = values.map((value) => BARS[most > 0 ? Math.ceil((value / most) * 8 - 1) : 0] ?? BARS[0]!);
    const range = `${Math.min(...values).toFixed(0)} to ${most.toFixed(0)}${unit}`;
    return `${name.padEnd(10)}${bars.map((bar) => bar.repeat(times)).join("")}  ${range}`;
  };
  return [
    line("memory", ({ memoryMb }) => memoryMb, " MB"),
    line("unread", ({ unread }) => unread, " events"),
    line("backlog", ({ backlog }) => backlog, " events"),
    line("p50", ({ p50Ms }) => p50Ms, " ms"),
    line("p99", ({ p99Ms }) => p99Ms, " ms"),
  ].join("\n");
}

/** Describes the results and what is wrong with them. Nothing is wrong if `faults` is empty. */
export function judgeSoak(soak: Soak): { lines: string[]; faults: string[] } {
  const { requests, repeats, events, users, erasures, watched, violations } = soak;
  const seconds = soak.intervals.at(-1)!.seconds;
  const perSecond = events / seconds;
  const faults: string[] = [];
  const growth = (name: string, points: readonly Point[], allowance: number, unit: string) => {
    const grew = growthOf(laterHalf(points));
    if (grew > allowance) faults.push(`${name} grew by ${grew.toFixed(1)} ${unit}`);
    return `${name}: ${grew < 0 ? "" : "+"}${grew.toFixed(1)} ${unit}, allowed +${allowance.toFixed(0)}`;
  };
  const lines = [
    `${requests} requests, ${events} events of ${users} users answered, ${erasures} erasures; sent again: ${repeats}`,
    `the live viewer saw ${watched.verdicts} events, and was told that ${watched.leftOut} were left out`,
    "growth in the later half, by the median slope between all pairs of points:",
    `  ${seconds < MIN_JUDGED_MEMORY_SECONDS ? unjudgedMemory(soak) : growth("memory", soak.memoryMb, MEMORY_ALLOWANCE_MB, "MB")}`,
    `  ${growth("unread", soak.unread, BACKLOG_ALLOWANCE_SECONDS * perSecond, "events")}`,
    `  ${growth("backlog", soak.backlog, BACKLOG_ALLOWANCE_SECONDS * perSecond, "events")}`,
  ];
  if (repeats > 0) faults.push(`${repeats} requests were not answered 2xx at once`);
  if (watched.broken !== null) faults.push(`the live view ended early: ${watched.broken}`);
  faults.push(...violations);
  return { lines, faults };
}

function unjudgedMemory({ memoryMb }: Soak): string {
  const grew = growthOf(laterHalf(memoryMb)).toFixed(1);
  return `memory: ${grew} MB, not judged in a run of less than ${MIN_JUDGED_MEMORY_SECONDS / 60} minutes`;
}

function cell(text: string): string {
  return text.padStart(11);
}
