import { afterAll, beforeAll, beforeEach, inject, type RunnerTestCase, type RunnerTestSuite, vi } from "vitest";

// Runs in the worker before a file of tests, and switches its mutants on, one after another. Every test runs once as it
// is, which shows what mutants it reaches; then once with each of them that is alive. A test that fails with a mutant
// runs again without: only if it passes then, it was the mutant that it found.

declare module "vitest" {
  interface ProvidedContext {
    mutation: Plan;
  }
}

/** What a session is to do. */
export interface Plan {
  /** The mutants that are alive, by their numbers. */
  alive: number[];
  /** A mutant that is on from the start and in every test: each test then runs once. */
  always: number | null;
  /** Tests that take longer are not repeated, in milliseconds. */
  maxTestMs: number;
  /** Tests that have been repeated with all of these mutants before, by their ids. */
  done: string[];
}

/** What became of the mutants in a file of tests. */
export interface Findings {
  /** Each with the name of the test that found it. */
  killed: Record<number, string>;
  reached: number[];
  /** Those that run outside of tests as well, as modules are loaded or in hooks. */
  outside: number[];
  /** Those that tests reach which are not repeated. */
  slow: number[];
  /** The tests that were repeated, by their ids. */
  repeated: string[];
}

/** What a test's loops may take with a mutant: so many times what they take without, and some more. */
const LOOPS_FACTOR = 10;
const MORE_LOOPS = 10_000;
/** What they may take with a mutant that is on from the start, when it is not known what they take without. */
const MAX_LOOPS = 3_000_000;
/** More repetitions than there are mutants; the rest are skipped at once. */
const REPEATS = 1_000_000;

const plan = inject("mutation");
const alive = new Set(plan.alive);
const reached = new Set<number>();
const outside = new Set<number>();
const slow = new Set<number>();
const killed: Record<number, string> = {};
const done = new Set(plan.done);
const repeated: string[] = [];
let on: number | null = plan.always;
/** Where it is noted which mutants are reached: not while one of them is on. */
let noted: Set<number> | null = outside;
/** Whether a test has failed with the mutant that is always on: the rest need not run. */
let isFound = false;
let loops = 0;
let maxLoops = MAX_LOOPS;

Object.assign(globalThis, {
  mutation: {
    isOn(number: number): boolean {
      noted?.add(number);
      return number === on;
    },
    loops(): void {
      if (++loops > maxLoops) throw new Error("The mutant would loop without end");
    },
  },
});

/** How far a test has come. */
interface Progress {
  /** Reached by the test as it is. */
  reached: Set<number>;
  maxLoops: number;
  /** What is still to be tried; null until the test has run as it is. */
  waiting: number[] | null;
  current: number | null;
  /** A mutant with which the test has failed, and which is confirmed if it passes without. */
  suspect: number | null;
}

const progress = new WeakMap<object, Progress>();

// oxlint-disable-next-line no-empty-pattern -- Vitest takes a first argument apart, and refuses one that is not.
beforeAll(({}, suite) => {
  if (plan.always === null) for (const test of testsOf(suite)) test.repeats = REPEATS;
});

// The hooks of the test's own file come later, so all that they do is done with the mutant.
beforeEach((context) => {
  const looped = loops;
  loops = 0;
  if (plan.always !== null) {
    if (isFound) context.skip();
    context.onTestFailed(() => {
      isFound = true;
    });
    return;
  }
  const last = context.task.result?.attempts?.at(-1);
  let own = progress.get(context.task);
  on = null;
  if (!own || !last) {
    own = { reached: new Set(), maxLoops: Infinity, waiting: null, current: null, suspect: null };
    progress.set(context.task, own);
    noted = own.reached;
    maxLoops = Infinity;
    return;
  }
  if (own.waiting === null) own.maxLoops = looped * LOOPS_FACTOR + MORE_LOOPS;
  noted = null;
  if (take(context.task, own, last)) return;
  const next = own.waiting!.find((number) => alive.has(number));
  if (next === undefined) {
    noted = outside;
    context.skip();
  }
  own.waiting = own.waiting!.filter((number) => number !== next);
  maxLoops = own.maxLoops;
  on = own.current = next!;
});

/** Takes in how the last repetition ended; true if the next one is to be without a mutant. */
function take({ id, name }: RunnerTestCase, own: Progress, last: { state: string; duration: number }): boolean {
  const isPassed = last.state === "pass";
  if (own.waiting === null) {
    const isRepeated = isPassed && last.duration <= plan.maxTestMs && !done.has(id);
    if (isRepeated) repeated.push(id);
    own.waiting = isRepeated ? [...own.reached] : [];
    for (const number of own.reached) (isRepeated || done.has(id) ? reached : slow).add(number);
  } else if (own.suspect !== null) {
    // What a mutant has left behind must not speak against the others.
    if (!isPassed) own.waiting = [];
    else {
      killed[own.suspect] = name;
      alive.delete(own.suspect);
    }
    own.suspect = null;
  } else if (!isPassed) {
    own.suspect = own.current;
    // A test that ran out of time has not put its clock and its spies back.
    vi.useRealTimers();
    vi.restoreAllMocks();
    return true;
  }
  return false;
}

// oxlint-disable-next-line no-empty-pattern -- as above
afterAll(({}, suite) => {
  const findings: Findings = { killed, reached: [...reached], outside: [...outside], slow: [...slow], repeated };
  Object.assign(suite.file.meta, { findings });
});

function testsOf(suite: RunnerTestSuite): RunnerTestCase[] {
  return suite.tasks.flatMap((task) => (task.type === "suite" ? testsOf(task) : [task]));
}
