/** Empties a database, including its counters. */
export async function emptyCounters(database: D1Database): Promise<void> {
  const tables = ["events", "feed", "erased", "hourly", "daily", "stale_hours", "stale_days", "shared_days", "tallies"];
  await database.batch([
    ...tables.map((table) => database.prepare(`DELETE FROM ${table}`)),
    database.prepare("UPDATE rollup SET position = 0, next = 0, sealed_before = 0"),
  ]);
}

/** The same database, but it fails at its nth batch. With `isLost` the batch takes effect and its answer is lost. */
export function crashingAt(database: D1Database, after: number, isLost: boolean) {
  let rest = after;
  const batches: D1Result[][] = [];
  const crashing = Object.assign(Object.create(database) as D1Database, {
    prepare: (sql: string) => database.prepare(sql),
    batch: async (statements: D1PreparedStatement[]) => {
      if (rest-- > 0) {
        const results = await database.batch(statements);
        batches.push(results);
        return results;
      }
      if (isLost) await database.batch(statements);
      throw new Error("a crash");
    },
  });
  return Object.assign(crashing, { seen: () => ({ database: crashing, batches }) });
}
