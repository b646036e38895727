import { parseArgs, type ParseArgsConfig } from "node:util";
import { fail } from "./ask-deployment.ts";
import { wranglerHelp } from "./wrangler.ts";

/** Parses a script's own options. Ends it with one line if an option is unknown. */
export function parseOptions<Config extends ParseArgsConfig>(config: Config): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    // Node adds advice on positional arguments, which does not apply here.
    const [fault] = (error as Error).message.split(". ");
    const known = Object.keys(config.options ?? {}).map((name) => `--${name}`);
    return fail(`${fault}. ${known.length > 0 ? `The options are ${known.join(", ")}` : "There are no options"}.`);
  }
}

/**
 * Ends the script with one line if wrangler's command does not know an option. Wrangler itself says so only after what
 * the script does first, and below a screen of help.
 */
export function refuseUnknownOptions(command: string, options: readonly string[]): void {
  const given = options.filter((option) => option.startsWith("-"));
  if (given.length === 0) return;
  const known = new Set(wranglerHelp(command).match(/(?<=^|[\s,])--?[a-z][a-z\d-]*/gm));
  for (const option of given) {
    const name = option.split("=")[0]!.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    // Experimental options are not in the help.
    if (known.has(name) || known.has(name.replace(/^--no-/, "--")) || /^--(x|experimental)-/.test(name)) continue;
    fail(`Unknown option '${option}'. \`npx wrangler ${command} --help\` lists the options.`);
  }
}
