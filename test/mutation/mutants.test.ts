import { describe, it } from "vitest";
import { instrument } from "./instrument.ts";
import { mutantsOf } from "./mutants.ts";
import { sampleOfMutants } from "./sample.ts";

const SOURCE = `import { a } from "./a.ts";
export const LIMIT = 3 * 4;
export function f(list: number[], options?: { name: string }): string | undefined {
  for (const item of list) if (item < LIMIT && a(item)) break;
  list.sort();
  const names: "x"[] = ["x"];
  return options?.name.trim() ?? \`\${names.length}\`;
}
`;

const changes = (source: string) =>
  mutantsOf("src/f.ts", source).map(({ operator, original, text }) => `${operator}: ${original} → ${text}`);

const keys = (source: string) => mutantsOf("src/f.ts", source).map(({ key }) => key);

/** Loads a source with some of its mutants switched on. */
async function load(source: string, on: number[]): Promise<{ run: () => unknown }> {
  const numbered = new Map(mutantsOf("src/f.ts", source).entries());
  const { transform } = await import("esbuild");
  const { code } = await transform(instrument(source, numbered), { loader: "ts", format: "esm" });
  let loops = 0;
  const mutation = {
    isOn: (number: number) => on.includes(number),
    loops: () => {
      if (++loops > 100) throw new Error("endless");
    },
  };
  const body = code.replaceAll("globalThis.mutation", "mutation").replace(/export \{[^}]*\};?/, "");
  // oxlint-disable-next-line no-new-func, no-implied-eval -- the code under test is generated here
  const make = new Function("mutation", `${body}; return { run };`) as (m: typeof mutation) => { run: () => unknown };
  return make(mutation);
}

describe("mutants", () => {
  it("are of every kind, but never change a type, an import or a name", ({ expect }) => {
    expect(changes(SOURCE)).toEqual([
      "arithmetic: 3 * 4 → 3 / 4",
      "condition: item < LIMIT && a(item) → true",
      "condition: item < LIMIT && a(item) → false",
      "logic: item < LIMIT && a(item) → (item < LIMIT) || (a(item))",
      "comparison: item < LIMIT → item <= LIMIT",
      "comparison: item < LIMIT → item >= LIMIT",
      "call: list.sort() → list",
      "statement: list.sort() → undefined",
      'list: ["x"] → []',
      'text: "x" → ""',
      "default: options?.name.trim() ?? `${names.length}` → options?.name.trim()",
      "return: options?.name.trim() ?? `${names.length}` → undefined",
      "chain: options?.name.trim() → options.name.trim()",
      "text: `${names.length}` → ``",
    ]);
  });

  it("keep the parentheses of both sides", ({ expect }) => {
    expect(changes("f((1, 2) < (a ? 3 : 4));").filter((change) => change.startsWith("comparison"))).toEqual([
      "comparison: (1, 2) < (a ? 3 : 4) → (1, 2) <= (a ? 3 : 4)",
      "comparison: (1, 2) < (a ? 3 : 4) → (1, 2) >= (a ? 3 : 4)",
    ]);
    expect(changes("f((1 - 2) * (3 - 4));")).toContain("arithmetic: (1 - 2) * (3 - 4) → (1 - 2) / (3 - 4)");
  });

  it("have keys that do not change with other edits of the file", ({ expect }) => {
    expect(keys(`// A comment.\n\nconst other = 1 + 1;\n${SOURCE}`).filter((key) => !key.includes("other"))).toEqual(
      keys(SOURCE),
    );
    expect(new Set(keys(`${SOURCE}export const twice = [1 < 2, 1 < 2];`)).size).toBe(14 + 5);
  });

  it("are drawn by their keys, so that neither their order nor a larger count changes the choice", ({ expect }) => {
    const mutants = mutantsOf("src/f.ts", SOURCE);
    const drawn = (from: typeof mutants, count: number, seed: string) =>
      sampleOfMutants(from, count, seed).map(({ key }) => key);
    expect(drawn(mutants, 5, "1")).toEqual(drawn(mutants.toReversed(), 9, "1").slice(0, 5));
    expect(drawn(mutants, 14, "1")).not.toEqual(drawn(mutants, 14, "2"));
  });
});

describe("the source with all mutants in it", () => {
  const source = `export function run() {
  const found: string[] = [];
  for (let i = 0; i < 2; i++) found.push(String(i));
  while (found.length < 3) found.push("x");
  return found.length > 2 ? found : null;
}`;

  it("behaves as before while all mutants are off, and keeps its lines", async ({ expect }) => {
    expect((await load(source, [])).run()).toEqual(["0", "1", "x"]);
    const numbered = new Map(mutantsOf("src/f.ts", source).entries());
    expect(instrument(source, numbered).split("\n")).toHaveLength(source.split("\n").length);
  });

  it("has the fault of the mutant that is on", async ({ expect }) => {
    const mutants = mutantsOf("src/f.ts", source);
    const outcomes = await Promise.all(
      mutants.map(async ({ operator, text }, number) => {
        const { run } = await load(source, [number]);
        try {
          return `${operator} ${text}: ${JSON.stringify(run())}`;
        } catch (error) {
          return `${operator} ${text}: ${(error as Error).message}`;
        }
      }),
    );
    expect(outcomes).toContain('comparison i <= 2: ["0","1","2"]');
    expect(outcomes).toContain('text "": ["0","1",""]');
    expect(outcomes).toContain("comparison found.length <= 2: null");
    // A mutant that would loop for ever is ended.
    expect(outcomes).toContain("statement undefined: endless");
  });
});
