import { globSync } from "node:fs";
import { basename, dirname, matchesGlob } from "node:path";
import { OF_NODE } from "../of-node.ts";
import { ROOT } from "./source-of.ts";

/** Tests that check files and not the behaviour of code. */
const OF_FILES = /^test\/(layout|readme|running|deploy|limits|routes)\.test\.ts$/;

/** The files of tests that run in workerd. */
export function workerTests(): string[] {
  const files = globSync("test/**/*.test.ts", { cwd: ROOT }).sort();
  return files.filter((file) => !matchesGlob(file, OF_NODE) && !OF_FILES.test(file));
}

/** The distance of a file of tests from a file of the source: 0 with the same name, 1 in the same folder, else 2. */
export function distance(source: string, test: string): number {
  if (dirname(test) !== dirname(source).replace(/^src/, "test")) return 2;
  return basename(test).startsWith(basename(source, ".ts")) ? 0 : 1;
}
