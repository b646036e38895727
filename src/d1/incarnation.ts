/**
 * Gives a database a new incarnation, so that cursors of its feed from before end: what they count no longer holds after
 * the database was rebuilt or restored. Rejects with what D1 throws.
 *
 * @param comesBack events from this time on (epoch milliseconds) come back that had left the database, so that their
 *   hours can be counted anew; nothing does unless it is given
 * @returns its name
 */
export async function newIncarnation(database: D1Database, comesBack = Number.MAX_SAFE_INTEGER): Promise<string> {
  const [named] = await database.batch<{ name: string }>([
    database.prepare("UPDATE incarnation SET name = lower(hex(randomblob(8))) RETURNING name"),
    database.prepare("UPDATE rollup SET sealed_before = min(sealed_before, ?1)").bind(comesBack),
  ]);
  return named!.results[0]!.name;
}

export async function incarnationOf(database: D1Database): Promise<string | null> {
  return database.prepare("SELECT name FROM incarnation").first<string>("name");
}
