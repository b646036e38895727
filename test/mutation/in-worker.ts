import { afterAll, beforeAll, beforeEach, inject, type RunnerTestCase, type RunnerTestSuite, vi } from "vitest";

// Runs in workerd before a file of tests, and switches the mutants on, one after another. Every test runs once without a
// mutant, which shows which mutants it reaches, and then once with each of these that is alive. A test that fails with a
// mutant runs again without it. The mutant counts as found only if the test passes then.

declare module "vitest" {
  interface ProvidedContext {
    mutation: Plan;
  }
}

/** What a session has to do. */
export interface Plan {
  /** The mutants that are alive, by their numbers. */
  alive: number[];
  /** A mutant that is on from the start and in every test, so that each test runs once. */
  always: number | null;
  /** Tests that take longer than this, in milliseconds, are not repeated. */
  maxTestMs: number;
  /** The ids of tests that have been repeated with all of these mutants before. */
  done: string[];
}

/** The results for the mutants in a file of tests. */
export interface Findings {
  /** The name of the test that found each mutant. */
  killed: Record<number, string>;
  reached: number[];
  /** Mutants that also run outside tests: while modules are loaded, or in hooks. */
  outside: number[];
  /** Mutants that are reached by tests that are not repeated. */
  slow: number[];
  /** The ids of the tests that were repeated. */
  repeated: string[];
}

/** With a mutant, a test's loops may run this many times as often as without it, plus a constant. */
const LOOPS_FACTOR = 10;
const MORE_LOOPS = 10_000;
/** The limit with a mutant that is on from the start, because the number without it is unknown then. */
const MAX_LOOPS = 3_000_000;
/** More repetitions than there are mutants. The unneeded ones are skipped at once. */
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
/** Where reached mutants are noted. Null while a mutant is on. */
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
      if (++loops > maxLoops) throw new Error("The mutant would loop for ever");
    },
  },
});

/** The progress of a test. */
interface Progress {
  /** The mutants that the test reaches without any mutant on. */
  reached: Set<number>;
  maxLoops: number;
  /** The mutants that are still to be tried. Null until the test has run without a mutant. */
  waiting: number[] | null;
  current: number | null;
  /** A mutant with which the test has failed. It is confirmed if the test passes without it. */
  suspect: number | null;
}

const progress = new WeakMap<object, Progress>();

// oxlint-disable-next-line no-empty-pattern -- Vitest requires a destructured first argument
beforeAll(({}, suite) => {
  if (plan.always === null) for (const test of testsOf(suite)) test.repeats = REPEATS;
});

// The hooks of the test's own file run later, so they run with the mutant.
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

/** Evaluates the last repetition. Returns whether the next one must run without a mutant. */
function take({ id, name }: RunnerTestCase, own: Progress, last: { state: string; duration: number }): boolean {
  const isPassed = last.state === "pass";
  if (own.waiting === null) {
    const isRepeated = isPassed && last.duration <= plan.maxTestMs && !done.has(id);
    if (isRepeated) repeated.push(id);
    own.waiting = isRepeated ? [...own.reached] : [];
    for (const number of own.reached) (isRepeated || done.has(id) ? reached : slow).add(number);
  } else if (own.suspect !== null) {
    // If the test also fails without the mutant, the mutant has left something behind, so no more mutants are tried here.
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
