/**
 * Gives a database a new incarnation, so that cursors of its feed from before end: what they count no longer holds after
 * the database was rebuilt or restored. Rejects with what D1 throws.
 */
export async function newIncarnation(database: D1Database): Promise<void> {
  await database.prepare("UPDATE incarnation SET name = lower(hex(randomblob(8)))").run();
}
