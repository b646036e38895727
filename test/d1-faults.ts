import { env } from "cloudflare:workers";
import { vi } from "vitest";

// Makes D1 fail. A user's object has the same env as the test, so it meets the same database.
// Tests that use these must call `vi.restoreAllMocks` after each test.

/** Makes D1 fail with this message until `restore`. Counts the attempts and records the log's lines. */
export function breakD1(message = "D1_ERROR: D1 is away") {
  const log = vi.spyOn(console, "error").mockImplementation(() => {}); // each failure is logged, as expected
  const prepare = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
    throw new Error(message);
  });
  return {
    tries: () => prepare.mock.calls.length,
    lines: () => log.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>),
    restore: () => [prepare, log].forEach((spy) => spy.mockRestore()),
  };
}

/**
 * Makes inserts into `events` wait until `release`: "before" D1 gets them, or "after" D1 has them and before the object
 * hears of it. Other statements pass, and so do the inserts before number `from`.
 */
export function holdD1(moment: "before" | "after", from = 1) {
  // Uses flags and not promises: a promise that one object resolves continues the test in that object's place.
  const gate = { reached: false, open: false };
  const parameters: string[] = [];
  const restore = interceptInsertions(async (run, parameter) => {
    if (parameters.push(parameter) < from) return run();
    const result = moment === "after" ? await run() : undefined;
    gate.reached = true;
    while (!gate.open) await scheduler.wait(5);
    return result ?? run();
  });
  return {
    /** The JSON parameters that were sent until `release`. */
    parameters,
    reached: () => vi.waitUntil(() => gate.reached, { timeout: 5_000, interval: 5 }),
    release: () => {
      gate.open = true;
      restore();
    },
  };
}

/** Holds the next deletion of erased events: "before" D1 gets it, or "after". */
export function holdDeletion(moment: "before" | "after", from = 1) {
  const gate = { reached: false, open: false };
  let deletions = 0;
  const restore = interceptBatches("DELETE FROM events", async (run) => {
    if (++deletions < from) return run();
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

/** Records the JSON parameter of every insert that is sent to D1. */
export function watchD1() {
  const parameters: string[] = [];
  const restore = interceptInsertions((run, parameter) => {
    parameters.push(parameter);
    return run();
  });
  return { parameters, restore };
}

type Through = (run: () => Promise<D1Result[]>, parameter: string) => Promise<D1Result[]>;

/** Wraps every batch that inserts into `events`, until the returned function is called. */
export function interceptInsertions(through: Through): () => void {
  return interceptBatches("INSERT INTO events", through);
}

/** The texts and parameters of a batch's statements. */
const made = new WeakMap<object, { query: string; parameter: string }>();

/** Wraps every batch with a statement that contains this text, and passes on its last parameter, too. */
export function interceptBatches(text: string, through: Through): () => void {
  const prepare = env.DB.prepare.bind(env.DB);
  const batch = env.DB.batch.bind(env.DB);
  const spies = [
    vi.spyOn(env.DB, "prepare").mockImplementation((query) => {
      const statement = prepare(query);
      const bind = statement.bind.bind(statement);
      return Object.assign(statement, {
        bind: (...values: unknown[]) => {
          const bound = bind(...values);
          made.set(bound, { query, parameter: String(values.find((value) => String(value).startsWith("["))) });
          return bound;
        },
      });
    }),
    vi.spyOn(env.DB, "batch").mockImplementation((statements) => {
      const found = statements.map((statement) => made.get(statement)).find((one) => one?.query.includes(text));
      return found ? through(() => batch(statements), found.parameter) : batch(statements);
    }),
  ];
  return () => spies.forEach((spy) => spy.mockRestore());
}
