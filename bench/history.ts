import { newEvent } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { seededRandom } from "./seeded-random.ts";
import { quantile, type Spread, spreadOf } from "./spread.ts";
import { SEEDABLE } from "./variants.ts";
import { startWorkerServer } from "./worker-server.ts";

const HISTORY_EVENTS = 1_000_000;
const SECOND_MS = 1000;
const BLOCK_REQUESTS = 50;

/** A year before the run's own events. */
const HISTORY_BEGAN = Date.now() - 365 * 24 * 60 * 60 * SECOND_MS;

/** The latency of single events, in milliseconds: of a user who begins with few events, and of one with a million. */
interface Compared {
  emptyMs: Spread;
  millionMs: Spread;
  /** The median of the blocks' ratios. */
  ratio: number;
}

export interface History {
  /** Each event is the newest. */
  inOrder: Compared;
  /** Each event happened at a random moment of the long history, and brings another e-mail. */
  lateProfile: Compared;
}

/** Measures whether a long history slows a user down. The blocks of both users alternate. */
export async function measureHistory(blocks: number): Promise<History> {
  const server = await startWorkerServer(SEEDABLE);
  const send = async (bodies: readonly unknown[]) => {
    const { latencies } = await sendLoad(
      server.url,
      bodies.map((body) => JSON.stringify(body)),
      1,
    );
    return quantile(latencies, 0.5);
  };
  const random = seededRandom(1);
  let lateEvents = 0;
  const lateEvent = (userId: string) => {
    // The time is between two of the history's events.
    const time = HISTORY_BEGAN + Math.floor(random() * HISTORY_EVENTS) * SECOND_MS + 1 + (lateEvents % 998);
    return newEvent(userId, time, `ada-${lateEvents++}@example.com`);
  };
  const compare = async (eventOf: (userId: string) => unknown): Promise<Compared> => {
    const empty: number[] = [];
    const million: number[] = [];
    const block = (userId: string) => send(Array.from({ length: BLOCK_REQUESTS }, () => eventOf(userId)));
    // The first block warms up the caches and is not counted.
    for (let done = -1; done < blocks; done++) {
      const newcomer = await block("newcomer");
      const veteran = await block("veteran");
      if (done < 0) continue;
      empty.push(newcomer);
      million.push(veteran);
    }
    const ratios = million.map((milliseconds, done) => milliseconds / empty[done]!);
    return { emptyMs: spreadOf(empty), millionMs: spreadOf(million), ratio: quantile(ratios, 0.5) };
  };
  try {
    // A log gets its table with its second event.
    for (const user of ["newcomer", "veteran"]) for (let event = 0; event < 2; event++) await send([newEvent(user)]);
    const seed = `/bench/seed?user_id=veteran&events=${HISTORY_EVENTS}&first=${HISTORY_BEGAN}&step=${SECOND_MS}`;
    const seeded = await fetch(new URL(seed, server.url));
    if (!seeded.ok) throw new Error(`The history was not seeded: ${await seeded.text()}`);
    return { inOrder: await compare((userId) => newEvent(userId)), lateProfile: await compare(lateEvent) };
  } finally {
    await server.stop();
  }
}
