import { globSync } from "node:fs";
import { basename, dirname, matchesGlob } from "node:path";
import { OF_NODE } from "../of-node.ts";
import { ROOT } from "./source-of.ts";

/** Tests that look at files and not at what code does. */
const OF_FILES = /^test\/(layout|readme|running|deploy|limits|routes)\.test\.ts$/;

/** The files of tests that run in workerd. */
export function workerTests(): string[] {
  const files = globSync("test/**/*.test.ts", { cwd: ROOT }).sort();
  return files.filter((file) => !matchesGlob(file, OF_NODE) && !OF_FILES.test(file));
}

/** How far a file of tests is from a file of the source: 0 if it has its name, 1 in its folder, 2 elsewhere. */
export function distance(source: string, test: string): number {
  if (dirname(test) !== dirname(source).replace(/^src/, "test")) return 2;
  return basename(test).startsWith(basename(source, ".ts")) ? 0 : 1;
}
