import { measureBundle, measureStartUp } from "./bundle.ts";
import { measureCatchUp } from "./catch-up.ts";
import { measureD1Inserts } from "./d1-inserts.ts";
import { measureEventWork } from "./event-work.ts";
import { countFsyncs } from "./fsyncs.ts";
import { measureHistory } from "./history.ts";
import { jsonReport, textReport } from "./report.ts";
import { measureThroughput } from "./throughput.ts";
import { timedStep } from "./timed-step.ts";
import { startVariants } from "./variants.ts";

/** By when a quick run's last round should have ended, and how long its rounds take if the machine is idle. */
const QUICK_MS = 45_000;
const QUICK_ROUNDS_MS = 25_000;

function planOf(isQuick: boolean, began: number) {
  return isQuick
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
}

type Requests = ReturnType<typeof planOf>["requests"];

/** Makes the rounds of a quick run smaller if little time is left for them, as on a busy machine. */
function inTime(requests: Requests, deadline: number): Requests {
  const share = Math.min(1, Math.max(0.2, (deadline - performance.now()) / QUICK_ROUNDS_MS));
  const fewer = Object.entries(requests).map(([load, count]) => [load, Math.ceil(count * share)]);
  return Object.fromEntries(fewer) as Requests;
}

/**
 * Compares Tracklog with three other ways to accept the same events, in one run on one machine, and prints the results.
 *
 * @param isQuick whether the run ends within 50 seconds if the machine is idle
 * @param isJson whether the output ends with one line for programs
 */
export async function measureAll(isQuick: boolean, isJson: boolean): Promise<void> {
  const began = performance.now();
  const plan = planOf(isQuick, began);
  // None of the three measures a time.
  const [bundleGzipKb, { work, storage }, fsyncs] = await timedStep("size, work and fsyncs", () =>
    Promise.all([measureBundle(), measureEventWork(), countFsyncs()]),
  );
  const startUpMs = plan.startUpRuns > 0 ? await timedStep("start-up", () => measureStartUp(plan.startUpRuns)) : null;
  const d1Inserts = await timedStep("D1's inserts", () => measureD1Inserts(plan.prefilledRows));
  const history = await timedStep("history", () => measureHistory(plan.historyBlocks));
  const throughputs = await timedStep("throughput", async () =>
    measureThroughput(await startVariants(), { ...plan, requests: inTime(plan.requests, plan.deadline) }),
  );
  const catchUp = plan.catchesUp ? await timedStep("catch-up", measureCatchUp) : null;
  console.error(`all: ${((performance.now() - began) / 1000).toFixed(1)} s\n`);

  const measured = { throughputs, work, storage, history, fsyncs, d1Inserts, catchUp, bundleGzipKb, startUpMs };
  console.log(textReport(measured));
  if (isJson) console.log(jsonReport(measured));
}
