import { setTimeout as sleep } from "node:timers/promises";
import { compareD1, compareTimelines } from "../../test/faults/compare.ts";
import { seededRandom } from "../seeded-random.ts";
import { quantile } from "../spread.ts";
import { VARIANTS } from "../variants.ts";
import { findWorkerd, memoryOf } from "../workerd-process.ts";
import { startWorkerServer, type WorkerServer } from "../worker-server.ts";
import type { Point } from "./growth.ts";
import { Traffic } from "./traffic.ts";
import { readFeed, type Watched, watchLive } from "./watchers.ts";

/** This makes about fifty events per second, for which workerd needs about a tenth of a core. */
const REQUESTS_PER_SECOND = 30;
const RETURNING_USERS = 300;
const INTERVALS = 20;
/** The run represents an hour, in which the cron runs six times. */
const CRON_RUNS = 6;
const MAX_CATCH_UP_MS = 60_000;

/** A row of the chart. */
export interface Interval {
  /** When it ended. */
  seconds: number;
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  memoryMb: number;
  /** Events that were answered, but that the reader of the feed has not read yet. */
  unread: number;
  /** Events that wait for D1, according to /metrics. */
  backlog: number;
}

export interface Soak {
  intervals: Interval[];
  /** One point per second. It is the memory of the whole workerd process, which runs all objects and D1 here. */
  memoryMb: Point[];
  unread: Point[];
  backlog: Point[];
  requests: number;
  /** How often a request was not answered 2xx and was sent again. */
  repeats: number;
  events: number;
  users: number;
  erasures: number;
  watched: Watched;
  /** The answered events that are missing, doubled, or differ from their answers. */
  violations: string[];
}

/**
 * @param onInterval gets each row as soon as it exists
 * @param users how many users send an event before the load, and return in it
 */
export async function measureSoak(
  minutes: number,
  onInterval: (interval: Interval) => void,
  users = RETURNING_USERS,
): Promise<Soak> {
  const server = await startWorkerServer({ ...VARIANTS.tracklog, mayEvict: true });
  const traffic = new Traffic(server.url, seededRandom(1));
  const over = new AbortController();
  try {
    await traffic.begin(users);
    const seconds = minutes * 60;
    const feed = readFeed(server.url, traffic.unread, over.signal);
    const watching = watchLive(server.url, over.signal);
    const sampling = sample(server, traffic, seconds, onInterval);
    const crons = runCrons(server, seconds / CRON_RUNS);
    const load = traffic.run(REQUESTS_PER_SECOND, seconds);
    // The first failure ends the run.
    const [samples] = await Promise.race([
      Promise.all([sampling, load, crons]),
      feed.then(() => Promise.reject(new Error("The reader of the feed ended"))),
    ]);
    const { ledger, requests, repeats } = traffic;
    const violations = [...ledger.violations, ...(await compareTimelines(server.url.origin, ledger))];
    violations.push(...(await compareD1(server.d1File, ledger, MAX_CATCH_UP_MS)));
    over.abort();
    await feed;
    if (traffic.unread.size > 0) violations.push(`the feed lacks ${traffic.unread.size} events`);
    return {
      ...samples,
      requests,
      repeats,
      events: ledger.answered,
      users: ledger.users.size,
      erasures: ledger.erased.size,
      watched: await watching,
      violations,
    };
  } finally {
    over.abort();
    await server.stop();
  }
}

type Samples = Pick<Soak, "intervals" | "memoryMb" | "unread" | "backlog">;

async function sample(
  server: WorkerServer,
  traffic: Traffic,
  seconds: number,
  onInterval: (interval: Interval) => void,
): Promise<Samples> {
  const pid = await findWorkerd(server.folder);
  const samples: Samples = { intervals: [], memoryMb: [], unread: [], backlog: [] };
  const begun = performance.now();
  let requests = 0;
  let intervalBegan = 0;
  for (let second = 1; second <= seconds; second++) {
    await sleep(Math.max(0, begun + second * 1000 - performance.now()));
    samples.memoryMb.push([second, (await memoryOf(pid)).nowMb]);
    samples.unread.push([second, traffic.unread.size]);
    samples.backlog.push([second, await backlogOf(server.url)]);
    if (second < ((samples.intervals.length + 1) * seconds) / INTERVALS) continue;
    const { latencies } = traffic;
    traffic.latencies = [];
    const own = (points: readonly Point[]) =>
      quantile(
        points.filter(([time]) => time > intervalBegan).map(([, value]) => value),
        0.5,
      );
    const interval: Interval = {
      seconds: second,
      requestsPerSecond: (traffic.requests - requests) / (second - intervalBegan),
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      memoryMb: own(samples.memoryMb),
      unread: own(samples.unread),
      backlog: own(samples.backlog),
    };
    ({ requests } = traffic);
    intervalBegan = second;
    samples.intervals.push(interval);
    onInterval(interval);
  }
  return samples;
}

async function backlogOf(url: URL): Promise<number> {
  const text = await (await fetch(new URL("/metrics", url))).text();
  const values = [...text.matchAll(/^tracklog_backlog_events\{[^}]*\} (\d+)/gm)];
  if (values.length === 0) throw new Error(`/metrics has no backlog: ${text.slice(0, 200)}`);
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

async function runCrons(server: WorkerServer, everySeconds: number): Promise<void> {
  for (let run = 0; run < CRON_RUNS; run++) {
    // The cron runs in the middle of its interval, so that it does not run when the load ends.
    await sleep((everySeconds * 1000) / 2);
    await server.runCron();
    await sleep((everySeconds * 1000) / 2);
  }
}
