import { spawn } from "node:child_process";
import { deploymentOptions } from "./config.ts";
import { localConfig } from "./local-config.ts";
import { migrate } from "./migrate.ts";
import { optionsNamed } from "./options-named.ts";
import { refuseUnknownOptions } from "./parse-options.ts";
import { printAddresses } from "./print-addresses.ts";
import { WRANGLER } from "./wrangler.ts";

// What comes after `npm run dev --` is wrangler's. The migrations have to meet the same database, so what says where
// that is goes to both.
const given = process.argv.slice(2);
refuseUnknownOptions("dev", given);
const hasConfig = optionsNamed(["--config", "-c"], given).length > 0;
const options = hasConfig ? given : ["--config", localConfig(), ...given];
migrate("--local", [...optionsNamed(["--persist-to"], options), ...deploymentOptions(options)]);

const server = spawn(process.execPath, [WRANGLER, "dev", ...options], { stdio: "inherit" });
server.on("exit", (code) => process.exit(code ?? 1));
void printAddresses(options);
// Whoever ends this process means the server, which would otherwise keep its port.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => server.kill(signal));
