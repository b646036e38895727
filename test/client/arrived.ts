import { vi } from "vitest";
import type { Row, startWorker } from "../sdks/running-worker.ts";

type Worker = Pick<Awaited<ReturnType<typeof startWorker>>, "rows">;

/** The user's rows in D1, once there are as many. */
export async function rowsOf(worker: Worker, userId: string, count: number): Promise<Row[]> {
  return vi.waitFor(
    async () => {
      const rows = (await worker.rows()).filter((row) => row.user_id === userId);
      if (rows.length < count) throw new Error(`D1 has ${rows.length} of ${count} events`);
      return rows;
    },
    { timeout: 30_000, interval: 100 },
  );
}

/** The names of the user's events in D1, sorted, once there are as many. One that is doubled shows twice. */
export async function arrived(worker: Worker, userId: string, count: number): Promise<string[]> {
  return (await rowsOf(worker, userId, count)).map(({ event }) => event).sort();
}

/** `<prefix>0`, `<prefix>1` …, sorted. */
export function names(count: number, prefix = "e"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`).sort();
}
