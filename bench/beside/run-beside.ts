import { measureBeside } from "./beside.ts";
import { besideReport } from "./beside-report.ts";

/** By when the last round should have ended: on a busy machine there are fewer of them. */
const MAX_ROUNDS_MS = 110_000;

/** Compares with other systems, and prints the README's tables. */
export async function runBeside(): Promise<void> {
  const beside = await measureBeside({
    rounds: 5,
    requests: { single: 600, new_users: 150, batch_one_user: 60, batch_many_users: 6, duplicates: 600 },
    deadline: performance.now() + MAX_ROUNDS_MS,
  });
  console.log(besideReport(beside));
}
