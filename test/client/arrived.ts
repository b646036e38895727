import { vi } from "vitest";
import type { Row, startWorker } from "../sdks/running-worker.ts";

type Worker = Pick<Awaited<ReturnType<typeof startWorker>>, "rows">;

/** Waits until the user has this many rows in D1, and returns them. */
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

/** Waits until the user has this many events in D1, and returns their names, sorted. A doubled event shows twice. */
export async function arrived(worker: Worker, userId: string, count: number): Promise<string[]> {
  return (await rowsOf(worker, userId, count)).map(({ event }) => event).sort();
}

/** `<prefix>0`, `<prefix>1` …, sorted. */
export function names(count: number, prefix = "e"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`).sort();
}
