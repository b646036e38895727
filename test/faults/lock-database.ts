import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";

/** Locks a database for a while, so that no other process can write to it. */
export async function lockDatabase(file: string, milliseconds: number): Promise<void> {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  database.exec("BEGIN EXCLUSIVE");
  await sleep(milliseconds);
  database.exec("ROLLBACK");
  database.close();
}
