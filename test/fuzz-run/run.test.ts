import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, onTestFinished } from "vitest";
import { runScript } from "../scripts/run-script.ts";
import { markOf, refusedKeyOf } from "./marks.ts";
import { storedMarks } from "./stored-marks.ts";

describe("npm run fuzz", () => {
  it("finds no violation in some hundred requests of a known seed", { timeout: 120_000 }, async ({ expect }) => {
    const { code, output, errors } = await runScript("test/fuzz-run/run.ts", [
      "--requests",
      "600",
      "--seed",
      "20261125",
    ]);
    expect(errors).not.toContain("VIOLATION");
    expect(output).toMatch(/600 requests in \d+ s, seed 20261125; 200: \d+/);
    expect(code).toBe(0);
  });

  it.for([
    ["--requests", "many"],
    ["--requests", "0"],
    ["--seed", "-1"],
    ["--only", "1.5"],
  ])("ends with one line if the flag is wrong: %s %s", async ([option, value], { expect }) => {
    const { code, output, errors } = await runScript("test/fuzz-run/run.ts", [`${option}=${value}`]);
    expect(code).toBe(1);
    expect(output).toBe("");
    expect(errors).toMatch(
      new RegExp(`^${option} must be a whole number from \\d to 999999999, not '${value}'\\.\\n$`),
    );
  });
});

describe("the search on disk", () => {
  it("finds values and keys in files of any kind, also across the border of two pieces", async ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "tracklog-marks-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const piece = 1 << 22;
    const bytes = Buffer.alloc(piece + 100);
    bytes.write(markOf(12, 3), piece - 4);
    bytes.write(refusedKeyOf(5), 10);
    writeFileSync(join(folder, "a.sqlite"), bytes);
    const found = await storedMarks(folder);
    expect(found.marks.map(({ mark }) => mark)).toEqual([{ index: 12, event: 3 }]);
    expect(found.keys.map(({ key }) => key)).toEqual([refusedKeyOf(5)]);
    expect(found.bytes).toBe(bytes.length);
  });
});
