import { LOADS, type LoadName } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { quantile } from "./spread.ts";
import { StoredEvents } from "./stored-events.ts";
import { cpuMsOf, findWorkerd } from "./workerd-process.ts";
import { startWorkerServer, type WorkerServerOptions } from "./worker-server.ts";

/** One of the systems that get the same loads. */
export interface Contender {
  url: URL;
  /** Its database, if events reach it after the answer. The time until they do is then measured too. */
  copy: StoredEvents | null;
  /** Counts the events that it has stored. Null if nothing can count them. */
  count: (() => Promise<number>) | null;
  /** The CPU time that it has used so far, in milliseconds. Null if it consists of several processes. */
  cpuMs: (() => Promise<number>) | null;
  /** How many different events it has been sent so far. */
  sentEvents: number;
  stop: () => Promise<void>;
}

export interface Sample {
  eventsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/**
 * Starts a variant. Its objects are not evicted while other variants have their turn. Otherwise each block would begin with
 * cold objects, but users who are active all the time have warm ones.
 *
 * @param endsInD1 whether its events are stored in D1 in the end
 * @param isLate whether they reach D1 after the answer
 */
export async function startContender(
  options: WorkerServerOptions,
  { endsInD1, isLate }: { endsInD1: boolean; isLate: boolean },
): Promise<Contender> {
  const server = await startWorkerServer({ ...options, mayEvict: false });
  const stored = endsInD1 ? new StoredEvents(server.d1File) : null;
  return {
    url: server.url,
    copy: isLate ? stored : null,
    count: stored && (() => Promise.resolve(stored.count())),
    cpuMs: async () => cpuMsOf(await findWorkerd(server.folder)),
    sentEvents: 0,
    stop: async () => {
      stored?.close();
      await server.stop();
    },
  };
}

/** Starts several at once. If one does not start, stops the others and rejects. */
export async function startContenders<Name extends string>(
  starts: Record<Name, () => Promise<Contender>>,
): Promise<Record<Name, Contender>> {
  const names = Object.keys(starts) as Name[];
  const started = await Promise.allSettled(names.map((name) => starts[name]()));
  const contenders = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failed = started.find((one) => one.status === "rejected");
  if (!failed)
    return Object.fromEntries(contenders.map((one, index) => [names[index], one])) as Record<Name, Contender>;
  await Promise.all(contenders.map(({ stop }) => stop()));
  throw failed.reason;
}

/** Sends a load. If there is a copy, waits until the copy has the load's events. */
export async function runLoad(contender: Contender, load: LoadName, bodies: readonly string[]): Promise<Sample> {
  const { url, copy } = contender;
  const events = bodies.length * LOADS[load].eventsPerRequest;
  const newEvents = load === "duplicates" ? 0 : events;
  contender.sentEvents += newEvents;
  const before = copy?.position() ?? 0;
  const { seconds, latencies } = await sendLoad(url, bodies);
  const answered = performance.now();
  await copy?.waitForMore(before, newEvents);
  return {
    eventsPerSecond: events / (seconds + (performance.now() - answered) / 1000),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
  };
}

/** Throws if events are missing, because a system that loses events would look fast. */
export async function checkStored({ url, count, sentEvents }: Contender): Promise<void> {
  const found = count ? await count() : sentEvents;
  if (found !== sentEvents) throw new Error(`${url.href} stored ${found} of ${sentEvents} events`);
}
