import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { matchesGlob } from "node:path";
import { fail } from "../../scripts/ask-deployment.ts";
import { type Mutant, mutantsOf } from "./mutants.ts";
import { ROOT, sourceOf } from "./source-of.ts";

/** The sources that get mutants: those through which an event passes. */
const FOLDERS = "src/{event,user,d1,archive,http/write}/**/*.ts";

/** All mutants of the folders, by their keys. */
export function allMutants(): Map<string, Mutant> {
  const files = globSync(FOLDERS, { cwd: ROOT }).sort();
  return new Map(files.flatMap((file) => mutantsOf(file, sourceOf(file))).map((mutant) => [mutant.key, mutant]));
}

/**
 * Draws `count` mutants with a seed. Each is drawn by its own key, so that an edit elsewhere does not change the rest of the
 * sample.
 */
export function sampleOfMutants(mutants: readonly Mutant[], count: number, seed: string): Mutant[] {
  const rank = ({ key }: Mutant) => createHash("sha256").update(`${seed} ${key}`).digest("hex");
  const ranked = mutants.map((mutant) => ({ mutant, rank: rank(mutant) }));
  ranked.sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return ranked.slice(0, count).map(({ mutant }) => mutant);
}

export function inFiles(mutants: readonly Mutant[], pattern: string): Mutant[] {
  return mutants.filter(({ file }) => file === pattern || matchesGlob(file, pattern));
}

/** The mutants on lines that differ from a revision in git. */
export function changedSince(mutants: readonly Mutant[], revision: string): Mutant[] {
  const { status, stdout } = spawnSync("git", ["diff", "-U0", revision, "--", "src"], { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) fail(`git does not know the revision '${revision}'.`);
  const changed = new Set<string>();
  let file = "";
  for (const line of stdout.split("\n")) {
    file = /^\+\+\+ b\/(.+)$/.exec(line)?.[1] ?? file;
    const [, from, count = "1"] = /^@@ .*\+(\d+)(?:,(\d+))? @@/.exec(line) ?? [];
    if (from === undefined) continue;
    for (let i = 0; i < Number(count); i++) changed.add(`${file} ${Number(from) + i}`);
  }
  return mutants.filter((mutant) => changed.has(`${mutant.file} ${mutant.line}`));
}
