import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

/** Keeps every other process from writing to a database, for a while. */
export async function lockDatabase(file: string, milliseconds: number): Promise<void> {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  database.exec("BEGIN EXCLUSIVE");
  await sleep(milliseconds);
  database.exec("ROLLBACK");
  database.close();
}
