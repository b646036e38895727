import { matchesGlob } from "node:path";
import { parseOptions } from "../../scripts/parse-options.ts";
import { fail } from "../../scripts/ask-deployment.ts";
import { EXPLAINED } from "./explained.ts";
import type { Mutant } from "./mutants.ts";
import { allMutants, changedSince, inFiles, sampleOfMutants } from "./sample.ts";
import type { FileRun, Session } from "./session.ts";
import { sourceOf } from "./source-of.ts";
import { distance, workerTests } from "./test-files.ts";

// `npm run test:mutation -- --count N --seed S` puts N small faults into the source, one at a time, and checks whether a test
// fails. If a mutant survives, a test is missing, or nobody needs the code, or the mutant changes nothing and is explained
// in explained.ts.

const FILE_TIMEOUT_MS = 20 * 60 * 1000;
/** This is short, because many mutants make a test wait in vain. */
const TEST_TIMEOUT_MS = 5_000;
/** Quick tests run first and leave few mutants for slow tests. Mutants in even slower tests get a run each. */
const QUICK_TEST_MS = 300;
const SLOW_TEST_MS = 10_000;
const SLOW_TEST_TIMEOUT_MS = 15_000;
/** In how many files of tests a mutant is tried that is on from the start. The nearest files come first. */
const MAX_WHOLE_RUNS = 6;
/** Stands for no mutant in a run with a mutant that is on from the start. */
const NO_MUTANT = -1;

const { values } = parseOptions({
  options: {
    count: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    file: { type: "string" },
    changed: { type: "string" },
    tests: { type: "string" },
    key: { type: "string", multiple: true },
  },
});
if (!/^[1-9]\d{0,5}$/.test(values.count)) fail(`--count must be a whole number from 1 on, not '${values.count}'.`);

const all = allMutants();
const stale = Object.keys(EXPLAINED).filter((key) => !all.has(key));
if (stale.length > 0) fail(`explained.ts explains mutants that do not exist any more: ${stale.join("; ")}`);
const drawn = sampleOfMutants(candidates(), Number(values.count), values.seed);
if (drawn.length === 0) fail("No mutant matches the flags.");
const explained = drawn.filter(({ key }) => key in EXPLAINED);
const numbered = new Map(drawn.filter(({ key }) => !(key in EXPLAINED)).entries());
const files = filesInOrder();
if (files.length === 0) fail("No file of tests matches --tests.");
const alive = new Set(numbered.keys());
/** By mutant, the files of tests that run it outside tests, and those that reach it only in slow tests. */
const outside = new Map<number, Set<string>>();
const slow = new Map<number, Set<string>>();
const reached = new Set<number>();
/** Which files pass without a mutant. */
const passing = new Map<string, boolean>();
/** The tests of each file that were repeated with all mutants that were alive. */
const repeated = new Map<string, string[]>();

const began = performance.now();
let session: Session;
if (alive.size > 0) await tryAll();
report();
process.exit(alive.size > 0 ? 1 : 0);

async function tryAll(): Promise<void> {
  session = await open(TEST_TIMEOUT_MS);
  // The nearest files come first, so that few mutants are left for the others, where every test reaches many mutants.
  await tryOneByOne(isNear, QUICK_TEST_MS);
  const untold = new Map(slow);
  slow.clear();
  if (untold.size > 0) {
    await session.close();
    session = await open(SLOW_TEST_TIMEOUT_MS);
    await tryOneByOne((number, test) => untold.get(number)?.has(test) === true, SLOW_TEST_MS);
    await session.close();
    session = await open(TEST_TIMEOUT_MS);
  }
  // These are other mutants than those that a file's tests were repeated with.
  repeated.clear();
  await tryOneByOne((number, test) => !isNear(number, test), QUICK_TEST_MS);
  await session.close();
  if ([...alive].some((number) => outside.has(number) || slow.has(number))) await tryFromTheStart();
}

function candidates(): Mutant[] {
  let found = [...all.values()];
  if (values.file !== undefined) found = inFiles(found, values.file);
  const { key: keys } = values;
  if (keys !== undefined) found = found.filter(({ key }) => keys.includes(key));
  if (values.changed !== undefined) found = changedSince(found, values.changed);
  return found;
}

/** Tries the mutants that are alive in each file of tests for which `isTried` is true. */
async function tryOneByOne(isTried: (number: number, test: string) => boolean, maxTestMs: number): Promise<void> {
  for (const file of files) {
    const tried = [...alive].filter((number) => isTried(number, file));
    if (tried.length === 0) continue;
    const done = repeated.get(file) ?? [];
    const run = await session.run(file, { alive: tried, always: null, maxTestMs, done }, FILE_TIMEOUT_MS);
    repeated.set(file, [...done, ...run.findings.repeated]);
    for (const [number, test] of Object.entries(run.findings.killed)) kill(Number(number), `${file}: ${test}`);
    for (const number of run.findings.reached) reached.add(number);
    for (const number of run.findings.outside) outside.set(number, (outside.get(number) ?? new Set()).add(file));
    for (const number of run.findings.slow) slow.set(number, (slow.get(number) ?? new Set()).add(file));
    if (run.state !== "passed" && run.failure !== null) console.log(`${file}: ${run.state}, ${run.failure}`);
    if (run.state === "hung") await reopen(TEST_TIMEOUT_MS);
    console.log(`${file}: ${numbered.size - alive.size} of ${numbered.size} killed, ${seconds()} s`);
  }
}

/** Gives a run of its own to each mutant that is alive and runs while modules are loaded, in hooks, or in slow tests. */
async function tryFromTheStart(): Promise<void> {
  session = await open(null);
  for (const number of Array.from(alive)) {
    const { file: source } = numbered.get(number)!;
    const found = new Set([...(outside.get(number) ?? []), ...(slow.get(number) ?? [])]);
    const nearest = [...found].sort((a, b) => distance(source, a) - distance(source, b));
    for (const file of nearest.slice(0, MAX_WHOLE_RUNS)) {
      const { state, failure } = await runWhole(file, number);
      // If the file fails without a mutant, its failure proves nothing.
      if (state === "passed" || !(await passesByItself(file))) continue;
      kill(number, `${file}: ${failure ?? state}`);
      break;
    }
  }
  await session.close();
}

async function passesByItself(file: string): Promise<boolean> {
  const known = passing.get(file);
  if (known !== undefined) return known;
  const passes = (await runWhole(file, NO_MUTANT)).state === "passed";
  passing.set(file, passes);
  return passes;
}

async function runWhole(file: string, always: number): Promise<FileRun> {
  const run = await session.run(file, { alive: [], always, maxTestMs: 0, done: [] }, FILE_TIMEOUT_MS);
  if (run.state === "hung") await reopen(null);
  return run;
}

function isNear(number: number, test: string): boolean {
  return distance(numbered.get(number)!.file, test) < 2;
}

function filesInOrder(): string[] {
  const sources = [...new Set([...numbered.values()].map(({ file }) => file))];
  const nearest = (test: string) => Math.min(...sources.map((source) => distance(source, test)));
  const { tests } = values;
  const found = workerTests().filter((file) => tests === undefined || matchesGlob(file, tests));
  return found.sort((a, b) => nearest(a) - nearest(b));
}

async function reopen(testTimeout: number | null): Promise<void> {
  // A session that hangs may also hang when it is closed. It ends with this process.
  void session.close();
  session = await open(testTimeout);
}

/** Loads Vitest only here, so that a wrong flag is reported at once. */
async function open(testTimeout: number | null): Promise<Session> {
  return (await import("./session.ts")).Session.open(numbered, testTimeout);
}

function kill(number: number, by: string): void {
  if (alive.delete(number) && process.env["VERBOSE"]) console.log(`killed ${numbered.get(number)!.key} by ${by}`);
}

function report(): void {
  for (const number of alive) {
    const mutant = numbered.get(number)!;
    const isReached = reached.has(number) || outside.has(number) || slow.has(number);
    console.log(`\nSURVIVED ${mutant.key}${isReached ? "" : " (no test reaches it)"}\n${diffOf(mutant)}`);
  }
  const killed = numbered.size - alive.size;
  console.log(
    `\n${drawn.length} mutants of ${all.size}, seed ${values.seed}: ${killed} killed, ${explained.length} explained, ` +
      `${alive.size} survived. ${seconds()} s.`,
  );
}

function diffOf({ file, line, start, end, text }: Mutant): string {
  const source = sourceOf(file);
  const from = source.lastIndexOf("\n", start - 1) + 1;
  const to = (source.indexOf("\n", end) + 1 || source.length + 1) - 1;
  const after = source.slice(from, start) + text + source.slice(end, to);
  return [`  ${file}:${line}`, ...lines("  -", source.slice(from, to)), ...lines("  +", after)].join("\n");
}

function lines(sign: string, part: string): string[] {
  return part.split("\n").map((line) => `${sign} ${line}`);
}

function seconds(): number {
  return Math.round((performance.now() - began) / 1000);
}
