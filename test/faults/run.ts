import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseOptions } from "../../scripts/parse-options.ts";
import { runClient } from "./client.ts";
import { compareCopies, compareD1, compareTimelines } from "./compare.ts";
import { Ledger } from "./ledger.ts";
import { runErasingClient } from "./erasing-client.ts";
import { lockDatabase } from "./lock-database.ts";
import { MortalServer } from "./mortal-server.ts";
import { randomFrom } from "./random.ts";
import { loseDatabase, restoreDatabase } from "./rebuild-drills.ts";

// `npm run test:faults` kills the server again and again while clients write, locks D1 for a minute, sets the clock back,
// deletes D1 and restores an older copy of it, and then looks for every event that was answered. `--only rebuild` runs only
// the part with the rebuilds. `SEED` repeats a run's choices, but not its timing. It is not a part of `npm test`, because it
// takes some minutes.

const { only } = parseOptions({ options: { only: { type: "string" } } }).values;
if (only !== undefined && only !== "rebuild") {
  console.error("--only takes no other value than rebuild");
  process.exit(1);
}

const MAX_RUN_MS = 330_000;
const CLIENTS = 8;
const CLOCK_BACK_AFTER_KILL = 2;
const KILLS = only === "rebuild" ? 0 : 6;
const LIFE_MS = 3_000;
const LOCK_MS = 60_000;
const MAX_CATCH_UP_MS = 90_000;

setTimeout(() => {
  console.error(`FAILED: the run did not end within ${MAX_RUN_MS / 1000} s`);
  process.exit(1);
}, MAX_RUN_MS).unref();

// Ctrl-C does not reach the server, because it has a process group of its own. The handlers of `exit` kill it.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
console.log(`SEED=${seed}`);
const random = randomFrom(seed);

const state = mkdtempSync(join(tmpdir(), "tracklog-faults-"));
const server = await MortalServer.start(state);
process.once("exit", () => rmSync(state, { recursive: true, force: true }));
try {
  const ledger = new Ledger();
  let isOver = false;
  const clients = Promise.all([
    runErasingClient(server.url, ledger, () => isOver),
    ...Array.from({ length: CLIENTS }, (_, i) =>
      runClient(server.url, `client-${i}`, randomFrom(seed + 1 + i), ledger, () => isOver),
    ),
  ]);
  await Promise.race([haveFaults(ledger), clients]);
  isOver = true;
  await clients;

  const { violations, retried, users, erased, answered } = ledger;
  console.log(
    `sent: ${answered} events and updates of ${users.size} users were answered 2xx, and ${erased.size} erasures`,
  );
  console.log(
    `sent again after an answer was lost: ${retried.created} were created, ` +
      `${retried.duplicate} duplicates, ${retried.updated} updated`,
  );
  violations.push(...(await compareTimelines(server.url, ledger)));
  violations.push(...(await compareD1(server.d1File, ledger, MAX_CATCH_UP_MS)));
  violations.push(...(await compareCopies(server.url, server.d1File, ledger)));
  if (only === undefined && retried.duplicate === 0)
    violations.push("no kill came between a commit and its answer, so the run has tested no retries");

  for (const violation of violations.slice(0, 20)) console.error(`VIOLATION: ${violation}`);
  console.log(
    violations.length === 0
      ? `found: every one of them exactly once and in order, in the timelines and in D1`
      : `FAILED: ${violations.length} violations`,
  );
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await server.kill();
}

async function haveFaults(ledger: Ledger): Promise<void> {
  for (let kill = 1; kill <= KILLS; kill++) {
    await sleep(LIFE_MS * (0.5 + random()));
    // One of the kills happens while D1 is locked.
    const lock = kill === KILLS - 1 ? lockDatabase(server.d1File, LOCK_MS) : null;
    if (lock) {
      const before = ledger.answered;
      await sleep(LOCK_MS / 2);
      console.log(`D1 locked for ${LOCK_MS / 1000} s: ${ledger.answered - before} events answered in its first half`);
    }
    await server.kill();
    console.log(`killed ${kill} of ${KILLS}, after ${ledger.answered} answered events`);
    // After one of the kills, the server's clock is an hour behind.
    await server.start(kill === CLOCK_BACK_AFTER_KILL ? ["--clock-back"] : []);
    await lock;
  }
  await sleep(LIFE_MS);
  await loseDatabase(server, ledger);
  await restoreDatabase(server, ledger, random);
  await sleep(LIFE_MS);
}
