import { parseOptions } from "../scripts/parse-options.ts";
import { archiveJson, archiveText } from "./archive-report.ts";
import { measureBundle, measureStartUp } from "./bundle.ts";
import { measureCatchUp } from "./catch-up.ts";
import { measureD1Inserts } from "./d1-inserts.ts";
import { measureEventWork } from "./event-work.ts";
import { countFsyncs } from "./fsyncs.ts";
import { measureHistory } from "./history.ts";
import { jsonReport, textReport } from "./report.ts";
import { measureThroughput } from "./throughput.ts";
import { startVariants } from "./variants.ts";

// `npm run bench`: measures Tracklog beside three other ways to take the same events, in one run on one machine.
// `--quick` ends within 50 seconds, `--json` with one line for programs. `--archive` measures the archive instead, which
// takes some minutes.

const { values: options } = parseOptions({
  options: { quick: { type: "boolean" }, json: { type: "boolean" }, archive: { type: "boolean" } },
});

/** By when a quick run's last round should have ended, and how long its rounds take where nothing else is running. */
const QUICK_MS = 45_000;
const QUICK_ROUNDS_MS = 25_000;

const began = performance.now();
const plan = options.quick
  ? {
      rounds: 3,
      requests: { single: 400, new_users: 150, batch_one_user: 40, batch_many_users: 8, duplicates: 400 },
      deadline: began + QUICK_MS,
      historyBlocks: 3,
      prefilledRows: 300_000,
      startUpRuns: 0,
      catchesUp: false,
    }
  : {
      rounds: 5,
      requests: { single: 3_000, new_users: 2_000, batch_one_user: 500, batch_many_users: 80, duplicates: 3_000 },
      deadline: Infinity,
      historyBlocks: 15,
      prefilledRows: 1_000_000,
      startUpRuns: 5,
      catchesUp: true,
    };

/** Makes the rounds of a quick run smaller on a busy machine, where little time is left for them. */
function inTime(requests: typeof plan.requests): typeof plan.requests {
  const share = Math.min(1, Math.max(0.2, (plan.deadline - performance.now()) / QUICK_ROUNDS_MS));
  const fewer = Object.entries(requests).map(([load, count]) => [load, Math.ceil(count * share)]);
  return Object.fromEntries(fewer) as typeof plan.requests;
}

const step = async <T>(name: string, measure: () => Promise<T>): Promise<T> => {
  const start = performance.now();
  const measured = await measure();
  console.error(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return measured;
};

if (options.archive) {
  const { measureArchiving, measureQuerying } = await import("./archive.ts");
  const archiving = await step("archiving", measureArchiving);
  const querying = await step("querying", measureQuerying);
  console.log(archiveText(archiving, querying));
  if (options.json) console.log(archiveJson(archiving, querying));
  process.exit();
}

// None of the three measures a time.
const [bundleGzipKb, { work, storage }, fsyncs] = await step("size, work and fsyncs", () =>
  Promise.all([measureBundle(), measureEventWork(), countFsyncs()]),
);
const startUpMs = plan.startUpRuns > 0 ? await step("start-up", () => measureStartUp(plan.startUpRuns)) : null;
const d1Inserts = await step("D1's inserts", () => measureD1Inserts(plan.prefilledRows));
const history = await step("history", () => measureHistory(plan.historyBlocks));
const throughputs = await step("throughput", async () =>
  measureThroughput(await startVariants(), { ...plan, requests: inTime(plan.requests) }),
);
const catchUp = plan.catchesUp ? await step("catch-up", measureCatchUp) : null;
console.error(`all: ${((performance.now() - began) / 1000).toFixed(1)} s\n`);

const measured = { throughputs, work, storage, history, fsyncs, d1Inserts, catchUp, bundleGzipKb, startUpMs };
console.log(textReport(measured));
if (options.json) console.log(jsonReport(measured));
