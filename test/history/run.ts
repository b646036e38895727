import { fail } from "../../scripts/ask-deployment.ts";
import { parseOptions } from "../../scripts/parse-options.ts";
import { runBreaks } from "./run-breaks.ts";
import { runHistory } from "./run-history.ts";

// `npm run test:history -- --minutes N --seed S` runs random clients against a server with kills and every kind of fault, and
// checks all answers with a model of the guarantees. CONTRIBUTING.md says how to read the output.

const { values } = parseOptions({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string", default: String(Date.now() % 1e6) },
    "real-limits": { type: "boolean", default: false },
    breaks: { type: "boolean", default: false },
    only: { type: "string" },
    settle: { type: "string" },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isSafeInteger(seed))
  fail("--minutes must be a number above 0, and --seed a whole number");
const isReal = values["real-limits"];
const settleSeconds = Number(values.settle ?? (isReal ? 600 : 60));
if (!(settleSeconds > 0)) fail("--settle must be a number of seconds above 0");
if (values.only !== undefined && !values.breaks) fail("--only chooses some of the breaks, so it needs --breaks");

// Ctrl-C does not reach the server, because it has a process group of its own. The handlers of `exit` kill it.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

if (values.breaks) process.exit((await runBreaks(seed, values.only)) ? 0 : 1);
console.log(`${minutes} minutes, seed ${seed}`);
const violations = await runHistory({ minutes, seed, isReal, settleMs: settleSeconds * 1_000 });
process.exit(violations.length === 0 ? 0 : 1);
