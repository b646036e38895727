import { type Contender, startContender, startContenders } from "../contender.ts";
import { timedStep } from "../timed-step.ts";
import { measureThroughput, type ThroughputPlan, type Throughputs } from "../throughput.ts";
import { VARIANTS } from "../variants.ts";
import { findPostgres } from "./postgres.ts";
import { type ClientName, measureRetryStorm, type StormOutcome } from "./retry-storm.ts";
import { startSystem, SYSTEM_NAMES, type SystemName } from "./systems.ts";

export interface Beside {
  throughputs: Throughputs<SystemName>;
  storms: Partial<Record<SystemName, Record<ClientName, StormOutcome>>>;
}

/** Compares Tracklog with what a team usually writes first on Cloudflare, and with a Node server with PostgreSQL. */
export async function measureBeside(plan: ThroughputPlan): Promise<Beside> {
  const throughputs = await timedStep("throughput", async () => measureThroughput<SystemName>(await startAll(), plan));
  const storms: Beside["storms"] = {};
  for (const name of SYSTEM_NAMES) {
    const system = await startSystem(name);
    if (!system) continue;
    try {
      storms[name] = await timedStep(`kills and retries of ${name}`, () => measureRetryStorm(system));
    } finally {
      await system.stop();
    }
  }
  return { throughputs, storms };
}

/** Starts all systems, without `node` if PostgreSQL is not installed. */
async function startAll(): Promise<Record<SystemName, Contender>> {
  const starts = {
    tracklog: () => startContender(VARIANTS.tracklog, { endsInD1: true, isLate: true }),
    direct: () => startContender(VARIANTS.direct, { endsInD1: true, isLate: false }),
    node: startNode,
  };
  const { node: _, ...others } = starts;
  return (await startContenders(findPostgres() ? starts : others)) as Record<SystemName, Contender>;
}

async function startNode(): Promise<Contender> {
  const { url, count, stop } = (await startSystem("node"))!;
  return { url, copy: null, count, cpuMs: null, sentEvents: 0, stop };
}
