import { env } from "cloudflare:workers";
import { vi } from "vitest";

// D1 on a bad day. A user's object has the same env as the test, so it meets the same database.
// Whoever uses these calls `vi.restoreAllMocks` after each test.

/** Makes D1 fail until `restore`; counts the tries. */
export function breakD1() {
  const log = vi.spyOn(console, "error").mockImplementation(() => {}); // each failure is logged, as it should be
  const prepare = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
    throw new Error("D1_ERROR: D1 is away");
  });
  return {
    tries: () => prepare.mock.calls.length,
    restore: () => [prepare, log].forEach((spy) => spy.mockRestore()),
  };
}

/**
 * Makes insertions into `events` wait until `release`: "before" D1 gets them, or "after" D1 has them and before the
 * object hears of that. Other statements go through, and so do the insertions before number `from`.
 */
export function holdD1(moment: "before" | "after", from = 1) {
  // Flags and no promises: a promise that one object resolves continues the test in that object's place.
  const gate = { reached: false, open: false };
  let insertions = 0;
  const restore = interceptInsertions(async (run) => {
    if (++insertions < from) return run();
    const result = moment === "after" ? await run() : undefined;
    gate.reached = true;
    while (!gate.open) await scheduler.wait(5);
    return result ?? run();
  });
  return {
    reached: () => vi.waitUntil(() => gate.reached, { timeout: 5_000, interval: 5 }),
    release: () => {
      gate.open = true;
      restore();
    },
  };
}

/** Notes the JSON parameter of every insertion that is sent to D1. */
export function watchD1() {
  const parameters: string[] = [];
  const restore = interceptInsertions((run, parameter) => {
    parameters.push(parameter);
    return run();
  });
  return { parameters, restore };
}

/** Puts something around every insertion into `events`, until the function that is returned is called. */
export function interceptInsertions(through: (run: () => Promise<D1Result>, parameter: string) => Promise<D1Result>) {
  const prepare = env.DB.prepare.bind(env.DB);
  const spy = vi.spyOn(env.DB, "prepare").mockImplementation((query) => {
    const statement = prepare(query);
    if (!query.includes("INSERT INTO events")) return statement;
    const bind = statement.bind.bind(statement);
    return Object.assign(statement, {
      bind: (...values: unknown[]) => {
        const bound = bind(...values);
        const run = bound.run.bind(bound);
        return Object.assign(bound, { run: () => through(run, String(values[0])) });
      },
    });
  });
  return () => spy.mockRestore();
}
