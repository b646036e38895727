import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fail } from "../../scripts/ask-deployment.ts";
import { type Break, BREAKS } from "./breaks.ts";

const ROOT = join(import.meta.dirname, "../..");
const LEFT_OUT = new Set(["node_modules", ".git", ".wrangler"]);

/** If a history does not find a fault, the fault gets another try with another seed. */
const TRIES = 3;
const MINUTES = 0.8;
const SETTLE_SECONDS = 15;
const MAX_HISTORY_MS = 240_000;

/** Whether a history found the fault, and which rules it saw violated. */
interface Tried {
  isCaught: boolean;
  rules: string;
}

/** Tries whether a short history finds each of the deliberate faults. Returns whether all were found. */
export async function runBreaks(seed: number, only: string | undefined): Promise<boolean> {
  const wanted = BREAKS.filter(({ name }) => only === undefined || name.includes(only));
  if (wanted.length === 0) fail(`--only matches none of these: ${BREAKS.map(({ name }) => name).join("; ")}`);
  let missed = 0;
  for (const one of wanted) {
    const began = performance.now();
    const { isCaught, rules } = await tryOut(one, seed);
    const seconds = Math.round((performance.now() - began) / 1_000);
    if (!isCaught) missed++;
    console.log(`${isCaught ? "caught" : "MISSED"} in ${seconds} s: ${one.name}${rules && ` (${rules})`}`);
  }
  console.log(`${wanted.length - missed} of ${wanted.length} faults were caught, seed ${seed}`);
  return missed === 0;
}

async function tryOut({ file, find, replace, name, rule }: Break, seed: number): Promise<Tried> {
  const copy = mkdtempSync(join(tmpdir(), "tracklog-break-"));
  try {
    cpSync(ROOT, copy, { recursive: true, filter: (source) => !LEFT_OUT.has(basename(source)) });
    symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
    const source = readFileSync(join(copy, file), "utf8");
    if (source.split(find).length !== 2) fail(`"${name}" must find its text in ${file} exactly once`);
    writeFileSync(
      join(copy, file),
      source.replace(find, () => replace),
    );
    let tried: Tried = { isCaught: false, rules: "" };
    for (let number = 0; number < TRIES && !tried.isCaught; number++) tried = await history(copy, rule, seed + number);
    return tried;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

async function history(folder: string, rule: string, seed: number): Promise<Tried> {
  const options = ["--minutes", String(MINUTES), "--seed", String(seed), "--settle", String(SETTLE_SECONDS)];
  const child = spawn(process.execPath, ["test/history/run.ts", ...options], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: MAX_HISTORY_MS,
  });
  const stop = () => child.kill();
  process.once("exit", stop);
  let errors = "";
  child.stdout.resume();
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  await new Promise((resolve) => child.once("close", resolve));
  process.off("exit", stop);
  // A history that ends early has found nothing.
  const [, rules = ""] = /^FAILED: \d+ violations \((.*)\)$/m.exec(errors) ?? [];
  if (rules === "" && errors !== "") console.error(errors.split("\n").slice(0, 5).join("\n"));
  return { isCaught: rules.split(", ").some((found) => found.startsWith(`${rule}:`)), rules };
}
