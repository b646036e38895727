/** Separates a database's binding from the number of a lane. No binding can contain it. */
const LANE = "#";

/** The name of the object that writes to a database for one lane. */
export function writerName(database: string, lane: number): string {
  return `${database}${LANE}${lane}`;
}

/** The binding of the database that a writer of this name writes to. */
export function databaseOfWriter(name: string): string {
  return name.split(LANE, 1)[0]!;
}
