import { describe, it, vi } from "vitest";
import { GroupCommit } from "../../src/d1/group-commit.ts";
import { LINGER_MS, MAX_BISECTION_STATEMENTS, MAX_STATEMENT_BYTES, MAX_STATEMENT_EVENTS } from "../../src/limits.ts";
import { heldDatabase, lineOf, OK, tick } from "./held-database.ts";

/** A database that refuses statements with certain rows and records all statements. */
function pickyDatabase(isBad: (row: string) => boolean) {
  const statements: string[][] = [];
  const commits = lineOf(async (rows) => {
    statements.push(rows);
    if (rows.some(isBad)) throw new Error("D1_ERROR: NOT NULL constraint failed: events.event: SQLITE_CONSTRAINT");
  });
  const taken = () => statements.filter((rows) => !rows.some(isBad)).flat();
  return { statements, commits, taken };
}

describe("group commit", () => {
  it("makes callers share a statement, and collects the next one while one is in flight", async ({ expect }) => {
    const { commits, statement, finish, sizes } = heldDatabase();
    const first = [commits.add(["a"]), commits.add(["b"])];
    expect(sizes()).toEqual([]); // it waits for more rows
    expect((await statement(0)).rows).toEqual(["a", "b"]);
    const others = [commits.add(["c"]), commits.add(["d", "e"])];
    await scheduler.wait(2 * LINGER_MS);
    expect(sizes()).toEqual([2]); // one statement at a time
    await finish(0);
    expect(await Promise.all(first)).toEqual([OK, OK]);
    expect((await statement(1)).rows).toEqual(["c", "d", "e"]);
    await finish(1);
    expect(await Promise.all(others)).toEqual([OK, OK]);
    expect(sizes()).toEqual([2, 3]);
  });

  it("tells the database whose rows a statement has", async ({ expect }) => {
    const statements: [rows: string[], owners: string[]][] = [];
    const line = new GroupCommit<string>(async (rows, owners) => void statements.push([rows, owners]));
    await Promise.all([line.add(["a", "b"], "first"), line.add(["c"], "second")]);
    await line.add(["d"], "third");
    expect(statements).toEqual([
      [
        ["a", "b", "c"],
        ["first", "second"],
      ],
      [["d"], ["third"]],
    ]);
  });

  it("lingers for what is left of its time, however the clock is set meanwhile", async ({ expect }) => {
    const waits: { ms: number; end: () => void }[] = [];
    const wait = vi.spyOn(scheduler, "wait").mockImplementation((ms) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      waits.push({ ms, end: resolve });
      return promise;
    });
    let time = Date.now();
    const now = vi.spyOn(Date, "now").mockImplementation(() => time);
    try {
      const { commits, statement, finish, sizes } = heldDatabase();
      const all = [commits.add(["a"])];
      await tick();
      expect(sizes()).toEqual([]);
      all.push(commits.add(["b"]));
      waits[0]!.end();
      expect((await statement(0)).rows).toEqual(["a", "b"]);
      all.push(commits.add(["c"]));
      time += LINGER_MS - 5; // so long is the one before in flight
      await finish(0);
      await vi.waitUntil(() => waits.length === 2, { interval: 1 });
      waits[1]!.end();
      await statement(1);
      all.push(commits.add(["d"]));
      time -= 60_000;
      await finish(1);
      await vi.waitUntil(() => waits.length === 3, { interval: 1 });
      waits[2]!.end();
      await finish(2);
      await Promise.all(all);
      expect(waits.map(({ ms }) => ms)).toEqual([LINGER_MS, 5, LINGER_MS]);
    } finally {
      wait.mockRestore();
      now.mockRestore();
    }
  });

  it("does not linger once nothing more fits, nor when it has waited already", async ({ expect }) => {
    const wait = vi.spyOn(scheduler, "wait").mockImplementation(() => new Promise(() => {})); // for ever
    try {
      const { commits, finish, sizes } = heldDatabase();
      const now = vi.spyOn(Date, "now");
      const full = commits.add(Array.from({ length: MAX_STATEMENT_EVENTS }, () => "x"));
      await finish(0);
      await full;
      const late = [commits.add(["a"]), commits.run(async () => {})]; // the task closes the previous group
      await finish(1);
      await Promise.all(late);
      const running = [commits.add(["b".repeat(MAX_STATEMENT_BYTES - 1)]), commits.add(["c"])]; // the bytes close it
      await vi.waitUntil(() => sizes().length === 3, { interval: 1 });
      now.mockReturnValue(Date.now() + LINGER_MS); // the one before is in flight for this long
      await finish(2);
      await finish(3);
      await Promise.all(running);
      expect(sizes()).toEqual([MAX_STATEMENT_EVENTS, 1, 1, 1]);
    } finally {
      wait.mockRestore();
      vi.restoreAllMocks();
    }
  });

  it("tells each caller what became of its own statement", async ({ expect }) => {
    const { commits, statement, finish } = heldDatabase();
    const outcomes = [commits.add(["a"])];
    await statement(0);
    outcomes.push(commits.add(["b"]), commits.add(["c"]));
    await finish(0);
    const failed = await statement(1);
    const late = commits.add(["d"]);
    failed.end.reject(new Error("D1 is away"));
    await finish(2);
    const settled = await Promise.allSettled(outcomes);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    await expect(late).resolves.toEqual(OK);
  });

  it("fails for a caller that is gone without anybody hearing of it", async ({ expect }) => {
    const heard = vi.fn();
    addEventListener("unhandledrejection", heard);
    const { commits, statement } = heldDatabase();
    void commits.add(["a"]);
    (await statement(0)).end.reject(new Error("D1 is away"));
    for (let i = 0; i < 3; i++) await tick();
    removeEventListener("unhandledrejection", heard);
    expect(heard).not.toHaveBeenCalled();
  });

  it("keeps a statement within its bounds of rows and of bytes", async ({ expect }) => {
    const { commits, statement, finish, sizes } = heldDatabase();
    const half = Array.from({ length: MAX_STATEMENT_EVENTS / 2 }, () => "x");
    const first = commits.add(["first"]);
    await statement(0);
    const all = Promise.all([
      first,
      commits.add(half),
      commits.add(half),
      commits.add(["one too many"]),
      commits.add(["é".repeat(MAX_STATEMENT_BYTES / 2 - 20)]), // two bytes a character, and beside the one before
      commits.add(["y".repeat(25)]), // fills it to the last byte
      commits.add(["z"]),
    ]);
    for (let i = 0; i < 4; i++) await finish(i);
    await all;
    expect(sizes()).toEqual([1, MAX_STATEMENT_EVENTS, 3, 1]);
  });

  it("runs a task after everything that came before it and before everything that comes later", async ({ expect }) => {
    const { commits, statement, finish } = heldDatabase();
    const order: string[] = [];
    const note = (name: string) => () => order.push(name);
    const first = commits.add(["a"]).then(note("a"));
    await statement(0);
    const all = Promise.all([
      first,
      commits.add(["b"]).then(note("b")),
      commits.run(async () => void order.push("task")),
      commits.add(["c"]).then(note("c")),
    ]);
    for (let i = 0; i < 3; i++) await finish(i);
    await all;
    expect(order).toEqual(["a", "b", "task", "c"]);
  });

  it("continues after a call that throws at once, without a promise", async ({ expect }) => {
    let isBound = false;
    const commits = lineOf(() => {
      if (!isBound) throw new Error("not bound");
      return Promise.resolve();
    });
    await expect(commits.add(["a"])).rejects.toThrow("not bound");
    const thrown = commits.run(() => {
      throw new Error("at once");
    });
    await expect(thrown).rejects.toThrow("at once");
    isBound = true;
    await expect(commits.add(["a"])).resolves.toEqual(OK);
  });

  it("continues after a failure with nothing waiting", async ({ expect }) => {
    const { commits, statement, finish } = heldDatabase();
    const failed = commits.add(["a"]);
    (await statement(0)).end.reject(new Error("D1 is away"));
    await expect(failed).rejects.toThrow("D1 is away");
    const again = commits.add(["a"]);
    await finish(1);
    await expect(again).resolves.toEqual(OK);
  });
});

describe("a row that D1 refuses", () => {
  it("affects no other caller, and only its own caller is told its index", async ({ expect }) => {
    const { commits, taken } = pickyDatabase((row) => row.startsWith("bad"));
    const outcomes = Promise.all([
      commits.add(["a", "b"]),
      commits.add(["c", "bad", "d", "bad too"]),
      commits.add(["e"]),
    ]);
    expect(await outcomes).toEqual([OK, { refused: [1, 3] }, OK]);
    expect(taken().toSorted()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("is found among a thousand rows with a few statements", async ({ expect }) => {
    const { commits, statements, taken } = pickyDatabase((row) => row === "777");
    const rows = Array.from({ length: 1_000 }, (_, i) => `${i}`);
    expect(await commits.add(rows)).toEqual({ refused: [777] });
    expect(taken()).toHaveLength(999);
    expect(statements.length).toBeLessThan(25);
  });

  it("is searched for with a bound, and hundreds of them do not affect the good rows", async ({ expect }) => {
    const { commits, statements, taken } = pickyDatabase((row) => row === "bad");
    const bad = commits.add(Array.from({ length: 500 }, () => "bad"));
    const good = commits.add(Array.from({ length: 500 }, (_, i) => `${i}`));
    expect((await bad).refused).toHaveLength(500);
    expect(await good).toEqual(OK);
    expect(taken()).toHaveLength(500);
    expect(statements).toHaveLength(MAX_BISECTION_STATEMENTS);
  });

  it("is not searched for if D1 is only away", async ({ expect }) => {
    let statements = 0;
    const commits = lineOf(() => {
      statements++;
      return Promise.reject(new Error("D1_ERROR: Network connection lost"));
    });
    await expect(commits.add(["a", "b"])).rejects.toThrow("Network connection lost");
    expect(statements).toBe(1);
  });
});
