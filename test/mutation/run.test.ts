import { describe, it } from "vitest";
import { EXPLAINED } from "./explained.ts";
import { runScript } from "../scripts/run-script.ts";

const SCRIPT = "test/mutation/run.ts";

describe("npm run test:mutation", () => {
  // There is only one run, because each starts workerd. The tests of `intended-field` do not reach the other file.
  it("finds the mutants that tests reach, and shows the others", { timeout: 120_000 }, async ({ expect }) => {
    const files = ["--file", "src/event/{intended-field,merge}.ts", "--tests", "test/event/intended-field.test.ts"];
    const { code, output } = await runScript(SCRIPT, [...files, "--count", "12", "--seed", "1107"]);
    const [, killed, explained, survived] =
      /^12 mutants of \d+, seed 1107: (\d+) killed, (\d+) explained, (\d+) survived/m.exec(output)!.map(Number);
    expect(killed! + explained! + survived!).toBe(12);
    const shown = output.match(/^SURVIVED .*\n  src.*\n  - .*\n  \+ /gm) ?? [];
    expect(shown).toHaveLength(survived!);
    expect(shown.join("")).toMatch(/^SURVIVED src\/event\/merge\.ts › .* \(no test reaches it\)/);
    expect(shown.join("")).not.toContain("intended-field");
    expect(code).toBe(1);
  });

  it("succeeds if all mutants that survive are explained", async ({ expect }) => {
    const [key] = Object.keys(EXPLAINED);
    const { code, output } = await runScript(SCRIPT, ["--key", key!]);
    expect(output).toMatch(/1 mutants of \d+, seed 1: 0 killed, 1 explained, 0 survived/);
    expect(code).toBe(0);
  });

  it.for([
    [["--count", "none"], "--count must be a whole number from 1 on, not 'none'.\n"],
    [["--file", "src/none.ts"], "No mutant matches the flags.\n"],
    [["--tests", "test/none/*"], "No file of tests matches --tests.\n"],
    [["--changed", "no-such-revision"], "git does not know the revision 'no-such-revision'.\n"],
  ] as [string[], string][])("ends with one line if the flags are wrong: %j", async ([args, line], { expect }) => {
    const { code, output, errors } = await runScript(SCRIPT, args);
    expect(code).toBe(1);
    expect(output).toBe("");
    expect(errors).toBe(line);
  });
});
