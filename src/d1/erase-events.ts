/**
 * Removes a user's rows from D1, up to a generation of the user's log: events of a log that was begun after the
 * erasure stay, even where this deletion comes late.
 */
export async function eraseEvents(database: D1Database, userId: string, generation: number): Promise<void> {
  await database.batch([
    raiseFeedFloor(database),
    database.prepare("DELETE FROM events WHERE user_id = ?1 AND generation <= ?2").bind(userId, generation),
  ]);
}

/** To be run with every removal, and before it: a position that was given out once must not be given out again. */
export function raiseFeedFloor(database: D1Database): D1PreparedStatement {
  return database.prepare(
    "UPDATE feed_floor SET position = max(position, coalesce((SELECT max(position) FROM events), 0))",
  );
}
