import { vi } from "vitest";
import { GroupCommit } from "../../src/d1/group-commit.ts";

/** A line whose callers have no names. */
export function lineOf(insert: (rows: string[]) => Promise<void>) {
  const line = new GroupCommit<string>(insert);
  return { add: (rows: readonly string[]) => line.add(rows, "somebody"), run: line.run.bind(line) };
}

interface Statement {
  rows: string[];
  end: PromiseWithResolvers<void>;
}

/** A database whose statements end when the test says so. */
export function heldDatabase() {
  const statements: Statement[] = [];
  const commits = lineOf((rows) => {
    const end = Promise.withResolvers<void>();
    statements.push({ rows, end });
    return end.promise;
  });
  /** Waits for a statement, by its number from 0 on. */
  const statement = async (number: number): Promise<Statement> => {
    await vi.waitUntil(() => statements.length > number, { interval: 1 });
    return statements[number]!;
  };
  const finish = async (number: number) => (await statement(number)).end.resolve();
  return { commits, statement, finish, sizes: () => statements.map(({ rows }) => rows.length) };
}

/** Lets everything go on that waits for nothing. */
export function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

export const OK = { refused: [] };
