import { describe, it, vi } from "vitest";
import { GroupCommit } from "../../src/d1/group-commit.ts";
import {
  MAX_STATEMENT_BYTES,
  MAX_STATEMENT_EVENTS,
  MAX_WAITING_BYTES,
  STATEMENT_TIMEOUT_MS,
} from "../../src/limits.ts";

/** A database whose statements end when the test says so. */
function heldDatabase() {
  const statements: { rows: string[]; end: PromiseWithResolvers<void> }[] = [];
  const commits = new GroupCommit((rows) => {
    const end = Promise.withResolvers<void>();
    statements.push({ rows, end });
    return end.promise;
  });
  return { statements, commits, sizes: () => statements.map(({ rows }) => rows.length) };
}

const settle = () => scheduler.wait(0);

describe("group commit", () => {
  it("sends the first rows at once, and what comes meanwhile as one statement", async ({ expect }) => {
    const { statements, commits, sizes } = heldDatabase();
    const first = commits.add(["a"]);
    const others = [commits.add(["b"]), commits.add(["c", "d"])];
    expect(sizes()).toEqual([1]); // one statement at a time
    statements[0]!.end.resolve();
    await first;
    await settle();
    expect(statements[1]!.rows).toEqual(["b", "c", "d"]);
    statements[1]!.end.resolve();
    await Promise.all(others);
    expect(sizes()).toEqual([1, 3]);
  });

  it("tells each caller what became of its own statement", async ({ expect }) => {
    const { statements, commits } = heldDatabase();
    const outcomes = Promise.allSettled([commits.add(["a"]), commits.add(["b"]), commits.add(["c"])]);
    statements[0]!.end.resolve();
    await settle();
    const late = commits.add(["d"]);
    statements[1]!.end.reject(new Error("D1 is away"));
    await settle();
    statements[2]!.end.resolve();
    expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    await expect(late).resolves.toBeUndefined();
  });

  it("sends the others' rows without those that D1 refuses, and not when D1 is merely away", async ({ expect }) => {
    const { statements, commits } = heldDatabase();
    const outcomes = Promise.allSettled([commits.add(["a"]), commits.add(["bad"]), commits.add(["b", "c"])]);
    statements[0]!.end.resolve();
    await settle();
    const refusal = new Error("D1_ERROR: NOT NULL constraint failed: events.event: SQLITE_CONSTRAINT");
    statements[1]!.end.reject(refusal);
    await settle();
    statements[2]!.end.reject(refusal);
    await settle();
    statements[3]!.end.resolve();
    expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(statements.map(({ rows }) => rows)).toEqual([["a"], ["bad", "b", "c"], ["bad"], ["b", "c"]]);
  });

  it("keeps a statement within its bounds of rows and of bytes", async ({ expect }) => {
    const { statements, commits, sizes } = heldDatabase();
    const half = Array.from({ length: MAX_STATEMENT_EVENTS / 2 }, () => "x");
    const all = Promise.all([
      commits.add(["first"]),
      commits.add(half),
      commits.add(half),
      commits.add(["one too many"]),
      commits.add(["é".repeat(MAX_STATEMENT_BYTES / 2 - 20)]), // two bytes a character, and beside the one before
      commits.add(["y".repeat(40)]),
    ]);
    for (let i = 0; i < 5; i++) {
      statements[i]?.end.resolve();
      await settle();
    }
    await all;
    expect(sizes()).toEqual([1, MAX_STATEMENT_EVENTS, 2, 1]);
  });

  it("runs another task after all that came before it and before all that comes after", async ({ expect }) => {
    const { statements, commits } = heldDatabase();
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const all = Promise.all([
      commits.add(["a"]).then(note("a")),
      commits.add(["b"]).then(note("b")),
      commits.run(async () => void order.push("task")),
      commits.add(["c"]).then(note("c")),
    ]);
    for (let i = 0; i < 3; i++) {
      statements[i]?.end.resolve();
      await settle();
    }
    await all;
    expect(order).toEqual(["a", "b", "task", "c"]);
  });

  it("goes on after what throws at once, before there is a promise", async ({ expect }) => {
    let isBound = false;
    const commits = new GroupCommit(() => {
      if (!isBound) throw new Error("not bound");
      return Promise.resolve();
    });
    await expect(commits.add(["a"])).rejects.toThrow("not bound");
    const thrown = commits.run(() => {
      throw new Error("at once");
    });
    await expect(thrown).rejects.toThrow("at once");
    isBound = true;
    await expect(commits.add(["a"])).resolves.toBeUndefined();
  });

  it("goes on after a failure with nothing waiting", async ({ expect }) => {
    const { statements, commits } = heldDatabase();
    const failed = commits.add(["a"]);
    statements[0]!.end.reject(new Error("D1 is away"));
    await expect(failed).rejects.toThrow("D1 is away");
    const again = commits.add(["a"]);
    statements[1]!.end.resolve();
    await expect(again).resolves.toBeUndefined();
  });

  it("gives up a statement whose answer was lost, and goes on", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { statements, commits, sizes } = heldDatabase();
      const lost = commits.add(["a"]);
      const next = commits.add(["b"]);
      vi.advanceTimersByTime(STATEMENT_TIMEOUT_MS);
      await expect(lost).rejects.toThrow("D1 did not answer");
      await settle();
      expect(sizes()).toEqual([1, 1]);
      statements[1]!.end.resolve();
      await expect(next).resolves.toBeUndefined();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("refuses rows while too many wait, never what erases, and takes rows again afterwards", async ({ expect }) => {
    const { statements, commits } = heldDatabase();
    const row = "x".repeat(MAX_STATEMENT_BYTES - 1);
    const count = MAX_WAITING_BYTES / MAX_STATEMENT_BYTES;
    const taken = [commits.add(["in flight"]), ...Array.from({ length: count }, () => commits.add([row]))];
    await expect(commits.add(["one too many"])).rejects.toThrow("busy");
    taken.push(commits.run(async () => {}));
    for (let i = 0; i <= count; i++) {
      statements[i]!.end.resolve();
      await settle();
    }
    await Promise.all(taken);
    const again = commits.add([row]);
    statements.at(-1)!.end.resolve();
    await expect(again).resolves.toBeUndefined();
  });
});
