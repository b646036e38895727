import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The path of wrangler's own script. */
export const WRANGLER = join(import.meta.dirname, "../node_modules/wrangler/bin/wrangler.js");

/**
 * Runs wrangler, and ends this process with its status where it fails.
 *
 * @param input whom wrangler may ask; nobody, where whoever runs the script has decided already
 */
export function wrangler(args: string[], input: "inherit" | "ignore"): void {
  const { status } = spawnSync(process.execPath, [WRANGLER, ...args], { stdio: [input, "inherit", "inherit"] });
  if (status !== 0) process.exit(status ?? 1);
}

/** What wrangler says of a command. */
export function wranglerHelp(command: string): string {
  return spawnSync(process.execPath, [WRANGLER, command, "--help"], { encoding: "utf8" }).stdout;
}
