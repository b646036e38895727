import { parseArgs, type ParseArgsConfig } from "node:util";
import { fail } from "./ask-deployment.ts";
import { wranglerHelp } from "./wrangler.ts";

/** Reads a script's own options. Ends it with one line at one that it does not know. */
export function parseOptions<Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // Node goes on with advice on how to write a positional argument, which nobody means here.
    const [fault] = (error as Error).message.split(". ");
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`);
    return fail(`${fault}. ${known.length > 0 ? `Known are ${known.join(", ")}` : "There are none"}.`);
  }
}

/**
 * Ends the script with one line where wrangler's command does not know one of the options: wrangler says so below
 * a screen of help, and only after what the script does first.
 */
export function refuseUnknownOptions(command: string, options: readonly string[]): void {
  const given = options.filter((option) => option.startsWith("-"));
  if (given.length === 0) return;
  const known = new Set(wranglerHelp(command).match(/(?<=^|[\s,])--?[a-z][a-z\d-]*/gm));
  for (const option of given) {
    const name = option.split("=")[0]!.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    // Experimental ones are not in the help.
    if (known.has(name) || known.has(name.replace(/^--no-/, "--")) || /^--(x|experimental)-/.test(name)) continue;
    fail(`Unknown option '${option}'. \`npx wrangler ${command} --help\` lists those that there are.`);
  }
}
