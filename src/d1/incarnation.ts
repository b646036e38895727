import { markStale } from "./stale-hours.ts";

/**
 * Gives a database a new incarnation, so that older cursors of its feed become invalid. After the database was rebuilt
 * or restored, their positions mean something else. Rejects with what D1 throws.
 *
 * @param comesBack events from this time on (epoch milliseconds) that had left the database come back. Their hours are
 *   counted again, because they still include events that were erased after they had left. Without it none come back.
 * @returns the incarnation's name
 */
export async function newIncarnation(database: D1Database, comesBack = Number.MAX_SAFE_INTEGER): Promise<string> {
  const [named] = await database.batch<{ name: string }>([
    database.prepare("UPDATE incarnation SET name = lower(hex(randomblob(8))) RETURNING name"),
    ...markStale("hour", "FROM hourly, rollup WHERE hour >= ?1 AND hour < rollup.sealed_before").map((sql) =>
      database.prepare(sql).bind(comesBack),
    ),
    database.prepare("UPDATE rollup SET sealed_before = min(sealed_before, ?1)").bind(comesBack),
  ]);
  return named!.results[0]!.name;
}

export async function incarnationOf(database: D1Database): Promise<string | null> {
  return database.prepare("SELECT name FROM incarnation").first<string>("name");
}
