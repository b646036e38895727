import { newEvent } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { quantile, type Spread, spreadOf } from "./spread.ts";
import { SEEDABLE } from "./variants.ts";
import { startWorkerServer } from "./worker-server.ts";

const HISTORY_EVENTS = 1_000_000;
const BLOCK_REQUESTS = 50;

export interface History {
  /** Latency of one event at a time, in milliseconds: of a user who begins with one event, and of one with a million. */
  emptyMs: Spread;
  millionMs: Spread;
  ratio: number;
}

/** Measures whether a long history slows a user down; blocks of both users alternate. */
export async function measureHistory(blocks: number): Promise<History> {
  const server = await startWorkerServer(SEEDABLE);
  const send = async (userId: string, count: number) =>
    sendLoad(
      server.url,
      Array.from({ length: count }, () => JSON.stringify(newEvent(userId))),
      1,
    );
  try {
    await send("newcomer", 1);
    await send("veteran", 1);
    await fetch(new URL(`/bench/seed?user_id=veteran&events=${HISTORY_EVENTS}`, server.url));

    const empty: number[] = [];
    const million: number[] = [];
    // The first block warms up.
    for (let block = -1; block < blocks; block++) {
      const newcomer = quantile((await send("newcomer", BLOCK_REQUESTS)).latencies, 0.5);
      const veteran = quantile((await send("veteran", BLOCK_REQUESTS)).latencies, 0.5);
      if (block < 0) continue;
      empty.push(newcomer);
      million.push(veteran);
    }
    const emptyMs = spreadOf(empty);
    const millionMs = spreadOf(million);
    return { emptyMs, millionMs, ratio: millionMs.median / emptyMs.median };
  } finally {
    await server.stop();
  }
}
