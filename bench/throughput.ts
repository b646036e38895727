import { checkStored, type Contender, runLoad, type Sample } from "./contender.ts";
import { bodySource, FIRST_EVENTS, type LoadName, LOAD_NAMES, SECOND_EVENTS } from "./loads.ts";
import { type Spread, spreadOf } from "./spread.ts";

export interface Throughput {
  eventsPerSecond: Spread;
  p50Ms: Spread;
  p99Ms: Spread;
  /** Tracklog's events per second over this contender's, taken round by round. */
  ratio: Spread;
}

export type Throughputs<Name extends string> = Record<LoadName, Record<Name, Throughput>>;

type Samples<Name extends string> = Record<LoadName, Record<Name, Sample[]>>;

export interface ThroughputPlan {
  rounds: number;
  /** How many users are brought into being before the rounds, and so at most the duplicates; all, unless it is said. */
  users?: number;
  /** How many requests of each load every contender gets in a round. */
  requests: Record<LoadName, number>;
  /** No round is begun that would probably not end by then, on the clock of `performance.now()`; but one always is. */
  deadline: number;
}

/**
 * Measures all contenders under all loads, in rounds: what the machine does besides falls on all of them alike. Ends
 * them.
 */
export async function measureThroughput<Name extends string>(
  contenders: Record<Name | "tracklog", Contender>,
  { rounds, users = FIRST_EVENTS.length, requests, deadline }: ThroughputPlan,
): Promise<Throughputs<Name | "tracklog">> {
  const names = Object.keys(contenders) as (Name | "tracklog")[];
  try {
    // Brings every user into being, which a deployment sees once in a user's life and a round must not see.
    for (const events of [FIRST_EVENTS, SECOND_EVENTS])
      await Promise.all(names.map((name) => runLoad(contenders[name], "single", events.slice(0, users))));
    const bodiesOf = bodySource();
    const samples = emptySamples(names);
    const start = performance.now();
    for (let round = 0; round < rounds; round++) {
      const now = performance.now();
      if (round > 0 && now + (now - start) / round > deadline) break;
      for (const load of LOAD_NAMES) {
        const bodies = bodiesOf(load, requests[load]);
        for (let turn = 0; turn < names.length; turn++) {
          // Another one begins each round.
          const name = names[(turn + round) % names.length]!;
          samples[load][name].push(await runLoad(contenders[name], load, bodies));
        }
      }
    }
    await Promise.all(names.map((name) => checkStored(contenders[name])));
    return summarize(samples);
  } finally {
    await Promise.all(names.map((name) => contenders[name].stop()));
  }
}

function emptySamples<Name extends string>(names: readonly Name[]): Samples<Name> {
  const none = () => Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Sample[]>;
  return Object.fromEntries(LOAD_NAMES.map((load) => [load, none()])) as Samples<Name>;
}

function summarize<Name extends string>(samples: Samples<Name | "tracklog">): Throughputs<Name | "tracklog"> {
  return mapValues(samples, (ofLoad) => mapValues(ofLoad, (own) => summarizeOne(own, ofLoad.tracklog)));
}

function summarizeOne(own: readonly Sample[], tracklog: readonly Sample[]): Throughput {
  return {
    eventsPerSecond: spreadOf(own.map(({ eventsPerSecond }) => eventsPerSecond)),
    p50Ms: spreadOf(own.map(({ p50Ms }) => p50Ms)),
    p99Ms: spreadOf(own.map(({ p99Ms }) => p99Ms)),
    ratio: spreadOf(own.map(({ eventsPerSecond }, round) => tracklog[round]!.eventsPerSecond / eventsPerSecond)),
  };
}

function mapValues<Key extends string, From, To>(of: Record<Key, From>, map: (value: From) => To): Record<Key, To> {
  return Object.fromEntries(Object.entries<From>(of).map(([key, value]) => [key, map(value)])) as Record<Key, To>;
}
