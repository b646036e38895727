import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Dice } from "../fuzz-run/random.ts";
import { Cast } from "./cast.ts";
import { LATE_FAULT, runFaults } from "./fault-maker.ts";
import { FeedReader } from "./feed-reader.ts";
import { find, settle } from "./find.ts";
import { runCaretaker, runEraser, runSuppressor } from "./keeper-client.ts";
import { runWatcher } from "./live-watcher.ts";
import { checkHistory } from "./model/check-history.ts";
import type { Entry } from "./model/entry.ts";
import type { Found } from "./model/found.ts";
import { explain } from "./model/explain.ts";
import { groupBy } from "./model/user-history.ts";
import type { Violation } from "./model/violation.ts";
import { Recorder } from "./recorder.ts";
import { ServerUnderTest } from "./server-under-test.ts";
import { runWriter } from "./writer-client.ts";

const WRITERS = 6;
const READERS = 3;
const PROGRESS_MS = 1_000;
/** How many violations of each rule are shown, because one fault often affects hundreds of events. */
const MAX_SHOWN = 3;
/** Half an hour has some 100,000 lines of the feed, and a reader takes about 1,500 a second. */
const MAX_FIND_MS = 180_000;
const MAX_FINISH_MS = 60_000;

interface Options {
  minutes: number;
  seed: number;
  /** Whether the Worker has the limits of production. */
  isReal: boolean;
  /** Within this time after the last request and fault, every event has to be in all copies. */
  settleMs: number;
}

/** Runs one history, checks it against the guarantees, and prints a summary. Returns the violations. */
export async function runHistory(options: Options): Promise<Violation[]> {
  const { minutes, seed, isReal, settleMs } = options;
  const state = mkdtempSync(join(tmpdir(), "tracklog-history-"));
  process.once("exit", () => rmSync(state, { recursive: true, force: true }));
  const server = await ServerUnderTest.start(state, isReal);
  const startedAt = Date.now();
  const recorder = new Recorder();
  const cast = new Cast(startedAt);
  try {
    const until = performance.now() + minutes * 60_000;
    const isOver = () => performance.now() >= until;
    let draws = 0;
    const stage = (name: string) => ({
      name,
      server,
      recorder,
      cast,
      isReal,
      isOver,
      dice: new Dice(seed * 1_000 + draws++),
    });
    const readers = Array.from(
      { length: READERS },
      (_, i) => new FeedReader(`reader-${i}`, server, recorder, stage("").dice, i === 0),
    );
    const harm = runFaults(stage("faults"));
    const clients = Promise.all([
      ...Array.from({ length: WRITERS }, (_, i) => runWriter(stage(`writer-${i}`))),
      runEraser(stage("eraser")),
      runSuppressor(stage("suppressor")),
      runCaretaker(stage("caretaker")),
      runWatcher(server, recorder, isOver),
      ...readers.map((reader) => reader.run(isOver)),
    ]);
    const progress = setInterval(() => showProgress(recorder, server, minutes), PROGRESS_MS);
    // The last kill ends the requests that are under way. Erasures and suppressions are repeated until they are answered.
    await harm;
    await inTime(clients, MAX_FINISH_MS, "A client did not get its last answer in time");
    clearInterval(progress);
    endProgress();

    await settle(server, cast.users, settleMs);
    const found = await find(server, cast.users, startedAt);
    const violations = server.faults.map((what): Violation => ({ rule: "no 5xx but 503", what, entries: [] }));
    for (const reader of readers)
      if (!(await reader.readToEnd(MAX_FIND_MS)))
        violations.push({ rule: "G7", what: "a reader does not reach the feed's end", entries: [] });
    violations.push(...checkHistory(recorder.entries, found));
    summarize(recorder.entries, server, cast.users.length, found, minutes);
    report(violations, recorder, options);
    return violations;
  } finally {
    await server.stop();
  }
}

function report(violations: Violation[], recorder: Recorder, { minutes, seed, isReal }: Options): void {
  if (violations.length === 0) {
    console.log(`seed ${seed}: no violation`);
    return;
  }
  const file = join(mkdtempSync(join(tmpdir(), "tracklog-history-of-")), "history.ndjson");
  recorder.write(file);
  const byRule = groupBy(violations, ({ rule }) => rule);
  for (const own of byRule.values())
    for (const violation of own.slice(0, MAX_SHOWN)) console.error(explain(violation, recorder.entries));
  console.error(
    `FAILED: ${violations.length} violations (${[...byRule].map(([rule, own]) => `${rule}: ${own.length}`).join(", ")})`,
  );
  console.error(`The whole history: ${file}`);
  console.error(
    `To repeat it: npm run test:history -- --minutes ${minutes} --seed ${seed}${isReal ? " --real-limits" : ""}`,
  );
}

function summarize(
  entries: readonly Entry[],
  server: ServerUnderTest,
  users: number,
  { d1, archive, listed }: Pick<Found, "d1" | "archive" | "listed">,
  minutes: number,
): void {
  const kinds = countBy(entries.map(({ kind }) => kind));
  const verdicts = countBy(
    entries.flatMap((entry) =>
      entry.kind === "record" ? entry.events.map((_, i) => entry.answer?.[i]?.status ?? "not answered") : [],
    ),
  );
  const faults = countBy(entries.flatMap((entry) => (entry.kind === "fault" ? [entry.what.split(" ", 1)[0]!] : [])));
  console.log(`operations: ${listOf(kinds)}`);
  console.log(`verdicts: ${listOf(verdicts)}`);
  console.log(`harm: ${server.kills} kills; ${listOf(faults)}; faults of calls: ${listOf(server.counts)}`);
  console.log(`in all: ${countsOf(entries, server, minutes)}`);
  const moved = [...groupBy(d1, ({ user }) => user).values()].filter(
    (rows) => new Set(rows.map(({ database }) => database)).size > 1,
  );
  console.log(
    `found: ${users} users, ${moved.length} of them in several databases, ${d1.length} rows in D1, ${archive.length} in ${listed.length} files of the archive`,
  );
}

/** What a run has to have enough of to be worth something. */
function countsOf(entries: readonly Entry[], { kills }: ServerUnderTest, minutes: number): string {
  const late = entries.filter((entry) => entry.kind === "fault" && entry.what === LATE_FAULT).length;
  // The cron and alarms archive, too, and do not tell how much.
  const archived = entries.reduce(
    (sum, entry) => sum + (entry.kind === "care" && entry.what === "archive" ? Number(entry.answer?.["rows"] ?? 0) : 0),
    0,
  );
  const perMinute = (kills / minutes).toFixed(1);
  return `${kills} kills (${perMinute} a minute), D1 late ${late} times, at least ${archived} rows archived`;
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ") || "none";
}

function showProgress(recorder: Recorder, server: ServerUnderTest, minutes: number): void {
  if (!process.stdout.isTTY) return;
  const seconds = Math.round(recorder.now() / 1_000);
  process.stdout.write(
    `\r${seconds} of ${minutes * 60} s, ${recorder.entries.length} operations, ${server.kills} kills `,
  );
}

function endProgress(): void {
  if (process.stdout.isTTY) process.stdout.write("\n");
}

async function inTime(work: Promise<unknown>, ms: number, message: string): Promise<void> {
  const late = sleep(ms, null, { ref: false }).then(() => Promise.reject(new Error(message)));
  await Promise.race([work, late]);
}
