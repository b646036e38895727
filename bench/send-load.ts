import autocannon from "autocannon";

/** How many requests are under way at the same time, each on its own connection. */
export const CONNECTIONS = 16;

export interface SentLoad {
  seconds: number;
  /** The latency of each request, in milliseconds. */
  latencies: number[];
}

/**
 * Posts each body once to /track. Throws if any answer is not a plain 200, because a load that is half refused would
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
        // autocannon notices the end of the load only when it takes a sample.
        sampleInt: 10,
        setupClient: (client) => {
          // The requests that autocannon gives this connection, in its order. They are built before the clock starts.
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
