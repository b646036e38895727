import { measureBeside } from "./beside.ts";
import { besideReport } from "./beside-report.ts";

/** By when the last round should have ended, so a busy machine runs fewer rounds. */
const MAX_ROUNDS_MS = 110_000;

/** Compares Tracklog with other systems, and prints the tables. */
export async function runBeside(): Promise<void> {
  const beside = await measureBeside({
    rounds: 5,
    requests: { single: 600, new_users: 150, batch_one_user: 60, batch_many_users: 6, duplicates: 600 },
    deadline: performance.now() + MAX_ROUNDS_MS,
  });
  console.log(besideReport(beside));
}
