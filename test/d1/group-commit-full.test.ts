import { describe, it, vi } from "vitest";
import { MAX_STATEMENT_BYTES, MAX_WAITING_BYTES, MAX_WAITING_TASKS, STATEMENT_TIMEOUT_MS } from "../../src/limits.ts";
import { heldDatabase, OK } from "./held-database.ts";

describe("a line", () => {
  it("fails at once when D1 hangs, tasks included, and takes rows again afterwards", async ({ expect }) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const { commits, statement, finish, sizes } = heldDatabase();
      const row = "x".repeat(MAX_STATEMENT_BYTES - 1);
      const lost = [commits.add(["a"])];
      const flying = statement(0);
      await vi.waitUntil(async () => (await Promise.race([flying, scheduler.wait(1)])) !== undefined);
      for (let i = 0; i < 5; i++) lost.push(commits.add([row]));
      const task = commits.run(async () => {});
      const outcomes = Promise.allSettled([...lost, task]);
      vi.advanceTimersByTime(STATEMENT_TIMEOUT_MS);
      const reasons = (await outcomes).map((outcome) => outcome.status === "rejected" && String(outcome.reason));
      expect(new Set(reasons)).toEqual(new Set(["Error: D1 did not answer"]));
      expect(sizes()).toEqual([1]); // nothing of the line was sent
      expect(vi.getTimerCount()).toBe(0);
      vi.useRealTimers();
      const again = commits.add(["b"]);
      await finish(1);
      await expect(again).resolves.toEqual(OK);
    } finally {
      vi.useRealTimers();
    }
  });

  it("refuses rows while too many wait, but none that erases, and takes rows again afterwards", async ({ expect }) => {
    const { commits, statement, finish } = heldDatabase();
    const row = "x".repeat(MAX_STATEMENT_BYTES - 1);
    const count = MAX_WAITING_BYTES / MAX_STATEMENT_BYTES;
    const taken: Promise<unknown>[] = [commits.add(["in flight"])];
    await statement(0);
    for (let i = 0; i < count; i++) taken.push(commits.add([row]));
    await expect(commits.add(["one too many"])).rejects.toThrow("line is full");
    taken.push(commits.run(async () => {}));
    for (let i = 0; i <= count; i++) await finish(i);
    await Promise.all(taken);
    const again = commits.add([row]);
    await finish(count + 1);
    await expect(again).resolves.toEqual(OK);
  });

  it("refuses a task when too many tasks wait, and then no rows", async ({ expect }) => {
    const { commits, statement, finish } = heldDatabase();
    const taken: Promise<unknown>[] = [commits.add(["in flight"])];
    await statement(0);
    for (let i = 0; i < MAX_WAITING_TASKS; i++) taken.push(commits.run(async () => {}));
    await expect(commits.run(async () => {})).rejects.toThrow("line is full");
    taken.push(commits.add(["a"]));
    await finish(0);
    await finish(1);
    await Promise.all(taken);
  });
});
