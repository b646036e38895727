import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The path of wrangler's own script. */
export const WRANGLER = join(import.meta.dirname, "../node_modules/wrangler/bin/wrangler.js");

/**
 * Runs wrangler, and ends this process with wrangler's status if it fails.
 *
 * @param input "inherit" lets wrangler ask the user; "ignore" is for steps that are decided already
 */
export function wrangler(args: string[], input: "inherit" | "ignore"): void {
  const { status } = spawnSync(process.execPath, [WRANGLER, ...args], { stdio: [input, "inherit", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

/** Wrangler's help for a command. */
export function wranglerHelp(command: string): string {
  return spawnSync(process.execPath, [WRANGLER, command, "--help"], { encoding: "utf8" }).stdout;
}
