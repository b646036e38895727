import { checkStored, type Contender, runLoad, type Sample } from "./contender.ts";
import { bodySource, FIRST_EVENTS, type LoadName, LOAD_NAMES, SECOND_EVENTS } from "./loads.ts";
import { type Spread, spreadOf } from "./spread.ts";

export interface Throughput {
  eventsPerSecond: Spread;
  p50Ms: Spread;
  p99Ms: Spread;
  /** Tracklog's events per second divided by this contender's, for each round. */
  ratio: Spread;
}

export type Throughputs<Name extends string> = Record<LoadName, Record<Name, Throughput>>;

type Samples<Name extends string> = Record<LoadName, Record<Name, Sample[]>>;

export interface ThroughputPlan {
  rounds: number;
  /** How many users send events before the rounds. There are as many different duplicates. The default is all users. */
  users?: number;
  /** How many requests of each load every contender gets in a round. */
  requests: Record<LoadName, number>;
  /** No round begins that would probably end after this time of `performance.now()`, except the first. */
  deadline: number;
}

/**
 * Measures all contenders with all loads, in rounds, so that the machine's other work affects all of them alike. Then
 * stops them.
 */
export async function measureThroughput<Name extends string>(
  contenders: Record<Name | "tracklog", Contender>,
  { rounds, users = FIRST_EVENTS.length, requests, deadline }: ThroughputPlan,
): Promise<Throughputs<Name | "tracklog">> {
  const names = Object.keys(contenders) as (Name | "tracklog")[];
  try {
    // The objects of all users are created here, because a deployment creates each only once and a round must not include it.
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
          // Another contender begins each round.
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
