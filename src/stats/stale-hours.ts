import { floorTo, HOUR_MS } from "../d1/hour.ts";

/** Whether hours that are over still have to be counted again. Rejects with what D1 throws. */
export async function hasStaleHours(database: D1Database, now: number): Promise<boolean> {
  const query = database.prepare("SELECT 1 FROM stale_hours WHERE hour < ?1 LIMIT 1").bind(floorTo(HOUR_MS, now));
  return (await query.first()) !== null;
}
