import { FIRST_EVENTS, type LoadName, LOAD_NAMES, LOADS, SECOND_EVENTS } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { quantile, type Spread, spreadOf } from "./spread.ts";
import { StoredEvents } from "./stored-events.ts";
import { type VariantName, VARIANT_NAMES, VARIANTS } from "./variants.ts";
import { startWorkerServer, type WorkerServer } from "./worker-server.ts";

export interface Throughput {
  eventsPerSecond: Spread;
  p50Ms: Spread;
  p99Ms: Spread;
  /** Tracklog's events per second over this variant's, taken round by round. */
  ratio: Spread;
}

export type Throughputs = Record<LoadName, Record<VariantName, Throughput>>;

interface Sample {
  eventsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

type Samples = Record<LoadName, Record<VariantName, Sample[]>>;

interface Contender {
  server: WorkerServer;
  /** Where events end in D1, what watches it. */
  stored: StoredEvents | null;
  /** Whether they get there after the answer, so that the time until they have counts. */
  isLate: boolean;
  /** How many different events were sent so far. */
  sentEvents: number;
}

export interface ThroughputPlan {
  rounds: number;
  /** How many requests of each load every variant gets in a round. */
  requests: Record<LoadName, number>;
  /** No round is begun that would probably not end by then, on the clock of `performance.now()`; but one always is. */
  deadline: number;
}

/** Measures all variants under all loads, in rounds: what the machine does besides falls on all of them alike. */
export async function measureThroughput({ rounds, requests, deadline }: ThroughputPlan): Promise<Throughputs> {
  const contenders = await startContenders();
  try {
    // Brings every user into being, which a deployment sees once in a user's life and a round must not see.
    for (const events of [FIRST_EVENTS, SECOND_EVENTS])
      await Promise.all(VARIANT_NAMES.map((variant) => run(contenders[variant], "single", events)));
    const bodiesOf = bodySource();
    const samples = emptySamples();
    const start = performance.now();
    for (let round = 0; round < rounds; round++) {
      const now = performance.now();
      if (round > 0 && now + (now - start) / round > deadline) break;
      for (const load of LOAD_NAMES) {
        const bodies = bodiesOf(load, requests[load]);
        for (let turn = 0; turn < VARIANT_NAMES.length; turn++) {
          // Another one begins each round.
          const variant = VARIANT_NAMES[(turn + round) % VARIANT_NAMES.length]!;
          samples[load][variant].push(await run(contenders[variant], load, bodies));
        }
      }
    }
    Object.values(contenders).forEach(checkStored);
    return summarize(samples);
  } finally {
    await Promise.all(Object.values(contenders).map(stopContender));
  }
}

type BodySource = (load: LoadName, count: number) => string[];

/** New bodies at each call, of users in turn. */
function bodySource(): BodySource {
  const next = new Map<LoadName, number>();
  return (load, count) => {
    const first = next.get(load) ?? 0;
    next.set(load, first + count);
    return Array.from({ length: count }, (_, index) => LOADS[load].body(first + index));
  };
}

async function startContenders(): Promise<Record<VariantName, Contender>> {
  const started = await Promise.all(
    VARIANT_NAMES.map(async (variant): Promise<[VariantName, Contender]> => {
      // A variant runs only a part of the time. Were its objects evicted meanwhile, each round would begin with cold
      // ones, which users who are active all the time are not.
      const server = await startWorkerServer({ ...VARIANTS[variant], mayEvict: false });
      const endsInD1 = variant === "direct" || variant === "tracklog";
      const stored = endsInD1 ? new StoredEvents(server.d1File) : null;
      return [variant, { server, stored, isLate: variant === "tracklog", sentEvents: 0 }];
    }),
  );
  return Object.fromEntries(started) as Record<VariantName, Contender>;
}

async function stopContender({ server, stored }: Contender): Promise<void> {
  stored?.close();
  await server.stop();
}

/** A variant that lost events would be a fast one. */
function checkStored({ server, stored, sentEvents }: Contender): void {
  const found = stored?.count() ?? sentEvents;
  if (found !== sentEvents) throw new Error(`${server.url.href} stored ${found} of ${sentEvents} events in D1`);
}

/** Sends a load, and waits until D1 has it where that counts. */
async function run(contender: Contender, load: LoadName, bodies: readonly string[]): Promise<Sample> {
  const { server, stored, isLate } = contender;
  const events = bodies.length * LOADS[load].eventsPerRequest;
  const newEvents = load === "duplicates" ? 0 : events;
  contender.sentEvents += newEvents;
  const before = stored && isLate ? stored.position() : 0;
  const { seconds, latencies } = await sendLoad(server.url, bodies);
  const answered = performance.now();
  if (stored && isLate) await stored.waitForMore(before, newEvents);
  return {
    eventsPerSecond: events / (seconds + (performance.now() - answered) / 1000),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

function emptySamples(): Samples {
  return Object.fromEntries(
    LOAD_NAMES.map((load) => [load, Object.fromEntries(VARIANT_NAMES.map((variant) => [variant, []]))]),
  ) as unknown as Samples;
}

function summarize(samples: Samples): Throughputs {
  return Object.fromEntries(
    LOAD_NAMES.map((load) => {
      const summaries = VARIANT_NAMES.map((variant) => [
        variant,
        summarizeOne(samples[load][variant], samples[load].tracklog),
      ]);
      return [load, Object.fromEntries(summaries)];
    }),
  ) as Throughputs;
}

function summarizeOne(own: readonly Sample[], tracklog: readonly Sample[]): Throughput {
  return {
    eventsPerSecond: spreadOf(own.map(({ eventsPerSecond }) => eventsPerSecond)),
    p50Ms: spreadOf(own.map(({ p50Ms }) => p50Ms)),
    p99Ms: spreadOf(own.map(({ p99Ms }) => p99Ms)),
    ratio: spreadOf(own.map(({ eventsPerSecond }, round) => tracklog[round]!.eventsPerSecond / eventsPerSecond)),
  };
}
