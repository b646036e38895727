import { fail } from "./ask-deployment.ts";
import { configOf, databaseFaults, deploymentOptions } from "./config.ts";
import { migrate } from "./migrate.ts";
import { refuseUnknownOptions } from "./parse-options.ts";
import { wrangler } from "./wrangler.ts";

const options = process.argv.slice(2);
// With the same configuration, another name would make a second Worker that writes to the same databases.
if (options.some((option) => /^--name(=|$)/.test(option)))
  fail("--name would deploy a second Worker onto the same databases: use --config with a file of its own instead");
refuseUnknownOptions("deploy", options);
const faults = databaseFaults(configOf(options));
if (faults.length > 0) fail(`Nothing was deployed. ${faults.join("; ")}.`);

// The migrations run second, because the first deploy creates the databases. Until they are done, and whenever D1 is
// unavailable, the users' logs keep their events.
wrangler(["deploy", ...options], "inherit");
if (!options.includes("--dry-run")) migrate("--remote", deploymentOptions(options));
