import { measureSoak } from "./soak.ts";
import { INTERVAL_HEADING, intervalLine, judgeSoak, soakChart } from "./soak-report.ts";

const MAX_SHOWN_FAULTS = 20;

/** Runs the steady load and prints the results. Returns whether nothing grew and nothing is missing. */
export async function runSoak(minutes: number): Promise<boolean> {
  console.log(INTERVAL_HEADING);
  const soak = await measureSoak(minutes, (interval) => console.log(intervalLine(interval))).catch(brokenOff);
  if (!soak) return false;
  const { lines, faults } = judgeSoak(soak);
  console.log(`\n${soakChart(soak)}\n\n${lines.join("\n")}`);
  for (const fault of faults.slice(0, MAX_SHOWN_FAULTS)) console.log(`FAULT: ${fault}`);
  console.log(
    faults.length === 0
      ? "PASSED: nothing that was judged grew, and every answered event is once in the timelines, in D1 and in the feed"
      : `FAILED: ${faults.length} faults`,
  );
  return faults.length === 0;
}

function brokenOff(error: Error): null {
  console.log(`FAILED: the run ended early: ${error.message}`);
  return null;
}
