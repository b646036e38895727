/**
 * Gives a database a new incarnation, so that cursors of its feed from before end: what they count no longer holds after
 * the database was rebuilt or restored. What had left it for the archive comes back before it leaves again, so every
 * hour can be counted anew. Rejects with what D1 throws.
 */
export async function newIncarnation(database: D1Database): Promise<void> {
  await database.batch([
    database.prepare("UPDATE incarnation SET name = lower(hex(randomblob(8)))"),
    database.prepare("UPDATE rollup SET sealed_before = 0"),
  ]);
}
