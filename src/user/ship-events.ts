import { insertEvents } from "../d1/insert-events.ts";
import { MAX_RETRY_DELAY_MS, MIN_RETRY_DELAY_MS } from "../limits.ts";
import { markShipped, nextShipment } from "./outbox.ts";

/**
 * Sends D1 everything that it has not got, a statement at a time. Throws where D1 fails; what was sent before stays
 * marked, the rest is sent again.
 *
 * @param databaseNamed finds a bound D1 database by its binding's name
 */
export async function shipEvents(
  storage: DurableObjectStorage,
  userId: string,
  databaseNamed: (name: string) => D1Database,
): Promise<void> {
  for (let next = nextShipment(storage, userId); next; next = nextShipment(storage, userId)) {
    await insertEvents(databaseNamed(next.database), next.rows);
    markShipped(storage, next);
  }
}

/** How long to wait after so many failures in a row: exponential with jitter, in milliseconds. */
export function retryDelay(failures: number, random: number): number {
  const ceiling = Math.min(MAX_RETRY_DELAY_MS, MIN_RETRY_DELAY_MS * 2 ** (failures - 1));
  return Math.round(ceiling * (0.5 + 0.5 * random));
}
