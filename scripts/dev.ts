import { migrate } from "./migrate.ts";
import { wrangler } from "./wrangler.ts";

// What comes after `npm run dev --` is wrangler's. The migrations have to meet the same database, so what says where
// that is goes to both.
const options = process.argv.slice(2);
migrate("--local", optionsNamed(["--persist-to", "--env", "-e", "--config", "-c"], options));
wrangler(["dev", ...options], "inherit");

/** Those of the options that have one of the names, each with its value, as `--name value` or `--name=value`. */
function optionsNamed(names: string[], all: string[]): string[] {
  return all.flatMap((option, index) => {
    if (names.includes(option)) return all.slice(index, index + 2);
    return names.some((name) => option.startsWith(`${name}=`)) ? [option] : [];
  });
}
