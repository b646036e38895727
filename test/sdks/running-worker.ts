import { createTestHarness } from "wrangler";

/** The keys of a {@link startWorker running Worker}. */
export const WRITE_KEY = "k-site";
export const READ_KEY = "k-team";

/** A row of D1, as far as the tests look at it. */
export interface Row {
  user_id: string;
  event: string;
  message_id: string;
  timestamp: number;
  properties: string;
  context: string;
  source: string;
}

/**
 * Runs the Worker on a free port of the loopback address, as `wrangler dev` does, with a D1 of its own.
 *
 * @param vars other settings than those of wrangler.toml
 */
export async function startWorker(vars: Record<string, string> = {}) {
  const server = createTestHarness({
    workers: [
      {
        configPath: "./wrangler.toml",
        vars,
        secrets: { WRITE_KEYS: `site:${WRITE_KEY}`, READ_KEYS: `team:${READ_KEY}` },
      },
    ],
  });
  const { url } = await server.listen();
  const worker = server.getWorker();
  await worker.applyD1Migrations("DB");
  const { DB } = (await worker.getEnv()) as { DB: Database };

  return {
    url: url.origin,
    rows: async (): Promise<Row[]> =>
      (await DB.prepare("SELECT * FROM events ORDER BY received_at, seq").all()).results,
    close: () => server.close(),
  };
}

interface Database {
  prepare(query: string): { all(): Promise<{ results: Row[] }> };
}
