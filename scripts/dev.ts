import { spawn } from "node:child_process";
import { localConfig } from "./local-config.ts";
import { migrate } from "./migrate.ts";
import { printAddresses } from "./print-addresses.ts";
import { WRANGLER } from "./wrangler.ts";

// What comes after `npm run dev --` is wrangler's. The migrations have to meet the same database, so what says where
// that is goes to both.
const given = process.argv.slice(2);
const CONFIG = ["--config", "-c"];
const options = optionsNamed(CONFIG, given).length > 0 ? given : ["--config", localConfig(), ...given];
migrate("--local", optionsNamed(["--persist-to", "--env", "-e", ...CONFIG], options));

const server = spawn(process.execPath, [WRANGLER, "dev", ...options], { stdio: "inherit" });
server.on("exit", (code) => process.exit(code ?? 1));
void printAddresses(options);
// Whoever ends this process means the server, which would otherwise keep its port.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => server.kill(signal));

/** Those of the options that have one of the names, each with its value, as `--name value` or `--name=value`. */
function optionsNamed(names: string[], all: string[]): string[] {
  return all.flatMap((option, index) => {
    if (names.includes(option)) return all.slice(index, index + 2);
    return names.some((name) => option.startsWith(`${name}=`)) ? [option] : [];
  });
}
