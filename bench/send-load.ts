import autocannon from "autocannon";

/** How many requests are under way at any time, each on a connection of its own. */
export const CONNECTIONS = 16;

export interface SentLoad {
  seconds: number;
  /** Of every request, in milliseconds. */
  latencies: number[];
}

/**
 * Posts each body once to /track. Throws where any answer is not a plain 200: a load that was half refused would
 * look fast.
 */
export async function sendLoad(url: URL, bodies: readonly string[], concurrency = CONNECTIONS): Promise<SentLoad> {
  const connections = Math.min(concurrency, bodies.length);
  const latencies: number[] = [];
  let started = 0;
  let ended = 0;
  let connection = 0;
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(
      {
        url: new URL("/track", url).href,
        method: "POST",
        connections,
        amount: bodies.length,
        timeout: 20,
        // autocannon notices its end at a sample only.
        sampleInt: 10,
        setupClient: (client) => {
          // The share that autocannon gives this connection, in its order. Built before the clock starts.
          const own = bodies.filter((_, i) => i % connections === connection);
          connection++;
          client.setRequests(own.map((body) => ({ body, headers: { "content-type": "application/json" } })));
        },
      },
      (error: Error | null, outcome) => (error ? reject(error) : resolve(outcome)),
    );
    run.on("start", () => (started = performance.now()));
    run.on("response", (_client, _status, _bytes, milliseconds) => {
      ended = performance.now();
      latencies.push(milliseconds);
    });
  });
  const ok = result.statusCodeStats?.["200"]?.count ?? 0;
  if (ok !== bodies.length)
    throw new Error(`${ok} of ${bodies.length} requests were answered 200: ${JSON.stringify(summaryOf(result))}`);
  return { seconds: (ended - started) / 1000, latencies };
}

function summaryOf({ statusCodeStats, errors, timeouts }: autocannon.Result) {
  return { statusCodeStats, errors, timeouts };
}
