import { type Contender, runLoad, startContender, startContenders } from "./contender.ts";
import { bodySource, FIRST_EVENTS, SECOND_EVENTS } from "./loads.ts";
import { watchLive } from "./soak/watchers.ts";
import { type Estimate, medianOf } from "./spread.ts";
import { UNANNOUNCED, UNTALLIED, VARIANTS } from "./variants.ts";
import type { WorkerServerOptions } from "./worker-server.ts";

/** Tracklog's single events per second, divided by those of a Tracklog that lacks a part. */
interface Ratio {
  /** By the clock, until D1 has the events. */
  clock: Estimate;
  /** By the CPU time of the whole workerd process. */
  cpu: Estimate;
}

export interface LiveCost {
  blocks: number;
  /** Divided by a Tracklog without the live view: while nobody watches, and while one viewer does. */
  unwatched: Ratio;
  watched: Ratio;
  /** Divided by a Tracklog that does not count its answers. */
  tallied: Ratio;
  /** How many events the viewer saw, and how many it was told it did not see. */
  seen: number;
  leftOut: number;
}

/** How much of the throughput must be left with the live view. */
const UNWATCHED_TARGET = 0.98;
const WATCHED_TARGET = 0.9;

const NAMES = ["unwatched", "watched", "unannounced", "untallied"] as const;

type Name = (typeof NAMES)[number];

function start(options: WorkerServerOptions): () => Promise<Contender> {
  return () => startContender(options, { endsInD1: true, isLate: true });
}

/**
 * Measures in short blocks that take turns. A block's throughput is compared only with those of the same round, so that the
 * machine's other work affects both sides.
 *
 * @param requests the requests in each block
 * @param users how many users send events before the first block
 */
export async function measureLiveCost(
  rounds: number,
  requests: number,
  users = FIRST_EVENTS.length,
): Promise<LiveCost> {
  const contenders: Record<Name, Contender> = await startContenders({
    unwatched: start(VARIANTS.tracklog),
    watched: start(VARIANTS.tracklog),
    unannounced: start(UNANNOUNCED),
    untallied: start(UNTALLIED),
  });
  const over = new AbortController();
  const viewer = watchLive(contenders.watched.url, over.signal);
  try {
    for (const events of [FIRST_EVENTS, SECOND_EVENTS])
      await Promise.all(NAMES.map((name) => runLoad(contenders[name], "single", events.slice(0, users))));
    const bodiesOf = bodySource();
    const byClock = noSpeeds();
    const byCpu = noSpeeds();
    for (let round = 0; round < rounds; round++) {
      const bodies = bodiesOf("single", requests);
      for (let turn = 0; turn < NAMES.length; turn++) {
        const name = NAMES[(turn + round) % NAMES.length]!;
        const contender = contenders[name];
        const before = await contender.cpuMs!();
        byClock[name].push((await runLoad(contender, "single", bodies)).eventsPerSecond);
        byCpu[name].push((requests * 1000) / ((await contender.cpuMs!()) - before));
      }
    }
    over.abort();
    const { verdicts, leftOut, broken } = await viewer;
    if (broken !== null) throw new Error(`The viewer stopped watching: ${broken}`);
    const ratio = (name: Name, to: Name): Ratio => ({
      clock: medianOf(byClock[name].map((speed, round) => speed / byClock[to][round]!)),
      cpu: medianOf(byCpu[name].map((speed, round) => speed / byCpu[to][round]!)),
    });
    return {
      blocks: rounds,
      unwatched: ratio("unwatched", "unannounced"),
      watched: ratio("watched", "unannounced"),
      tallied: ratio("unwatched", "untallied"),
      seen: verdicts,
      leftOut,
    };
  } finally {
    over.abort();
    await Promise.all(NAMES.map((name) => contenders[name].stop()));
  }
}

export function liveCostReport({ blocks, unwatched, watched, tallied, seen, leftOut }: LiveCost): string {
  return [
    `single events per second, medians of ${blocks} blocks with their 95 % intervals`,
    ...lines("nobody watches, to a build without the live view", unwatched, UNWATCHED_TARGET),
    ...lines("one watches, to a build without the live view", watched, WATCHED_TARGET),
    ...lines("with tallies, to a build without", tallied),
    `  The viewer saw ${seen} events, and was told that ${leftOut} were left out.`,
  ].join("\n");
}

function noSpeeds(): Record<Name, number[]> {
  return { unwatched: [], watched: [], unannounced: [], untallied: [] };
}

function lines(name: string, { clock, cpu }: Ratio, target?: number): string[] {
  const end = (of: Estimate) =>
    target === undefined ? "" : `, wanted ×${target}: ${verdictOf(of.low, of.high, target)}`;
  return [
    `  ${name.padEnd(50)}×${textOf(clock)}${end(clock)}`,
    `  ${"  by CPU time".padEnd(50)}×${textOf(cpu)}${end(cpu)}`,
  ];
}

function textOf({ median, low, high }: Estimate): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

/** Says only what the interval proves. */
function verdictOf(low: number, high: number, target: number): string {
  if (low >= target) return "met";
  return high < target ? "missed" : "not decided by this run";
}
