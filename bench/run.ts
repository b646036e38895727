import { fail } from "../scripts/ask-deployment.ts";
import { parseOptions } from "../scripts/parse-options.ts";
import { runBeside } from "./beside/run-beside.ts";
import { liveCostReport, measureLiveCost } from "./live-cost.ts";
import { measureAll } from "./measure-all.ts";
import { runSoak } from "./soak/run-soak.ts";

// `npm run bench` measures everything except the archive and the soak. `--quick` ends within 50 seconds and leaves out
// the slow measurements. With `--json` the output ends with one line for programs. The other flags measure one thing each:
// `--live` the cost of the live view, `--beside` Tracklog compared with other systems, `--archive` the archive, and
// `--soak [--minutes N]` whether anything grows under a steady load.

const DEFAULT_SOAK_MINUTES = 10;
const MAX_SOAK_MINUTES = 24 * 60;
const LIVE_ROUNDS = 40;
const LIVE_BLOCK_REQUESTS = 300;

// Servers are stopped by handlers of `exit`, and a signal alone does not run these.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const { quick, json, minutes, ...alone } = parseOptions({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    live: { type: "boolean", default: false },
    beside: { type: "boolean", default: false },
    archive: { type: "boolean", default: false },
    soak: { type: "boolean", default: false },
    minutes: { type: "string" },
  },
}).values;

const { live, beside, archive, soak } = alone;
const chosen = Object.entries(alone).flatMap(([name, isGiven]) => (isGiven ? [`--${name}`] : []));
if (chosen.length > 1) fail(`${chosen.join(" and ")} can only be measured one at a time.`);
if (quick && chosen.length > 0) fail(`--quick shortens the whole run, and ${chosen[0]} is not a part of it.`);
if (json && chosen.length > 0 && !archive) fail(`${chosen[0]} cannot be used with --json.`);
if (minutes !== undefined && !soak) fail("--minutes sets how long --soak takes, so it needs --soak.");
const soakMinutes = Number(minutes ?? DEFAULT_SOAK_MINUTES);
if (!(soakMinutes > 0 && soakMinutes <= MAX_SOAK_MINUTES))
  fail(`--minutes must be a number of minutes up to ${MAX_SOAK_MINUTES}, such as 10.`);

const isWhole = chosen.length === 0;
if (live || (isWhole && !quick)) console.log(liveCostReport(await measureLiveCost(LIVE_ROUNDS, LIVE_BLOCK_REQUESTS)));
if (beside || (isWhole && !quick)) await runBeside();
if (isWhole) await measureAll(quick, json);
// Only the archive needs DuckDB, so it is loaded only then.
if (archive) await (await import("./run-archive.ts")).runArchive(json);
if (soak) process.exitCode = (await runSoak(soakMinutes)) ? 0 : 1;
