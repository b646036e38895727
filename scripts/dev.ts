import { spawn } from "node:child_process";
import { deploymentOptions } from "./config.ts";
import { localConfig } from "./local-config.ts";
import { migrate } from "./migrate.ts";
import { optionsNamed } from "./options-named.ts";
import { refuseUnknownOptions } from "./parse-options.ts";
import { printAddresses } from "./print-addresses.ts";
import { WRANGLER } from "./wrangler.ts";

// Options after `npm run dev --` are wrangler's. The migrations must reach the same database, so options that choose it
// go to both.
const given = process.argv.slice(2);
refuseUnknownOptions("dev", given);
const hasConfig = optionsNamed(["--config", "-c"], given).length > 0;
const options = hasConfig ? given : ["--config", localConfig(), ...given];
migrate("--local", [...optionsNamed(["--persist-to"], options), ...deploymentOptions(options)]);

const server = spawn(process.execPath, [WRANGLER, "dev", ...options], { stdio: "inherit" });
server.on("exit", (code) => process.exit(code ?? 1));
void printAddresses(options);
// Ending this process must end the server, which would otherwise keep its port.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => server.kill(signal));
