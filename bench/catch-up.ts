import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { newEvent } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { StoredEvents } from "./stored-events.ts";
import { VARIANTS } from "./variants.ts";
import { findWorkerd, forgetPeak, memoryOf } from "./workerd-process.ts";
import { startWorkerServer } from "./worker-server.ts";

const USERS = 20_000;
const USERS_PER_REQUEST = 100;
/** Few, as each request reaches for a hundred objects at once. */
const CONNECTIONS = 2;

/** D1 has been seen away for 60 to 80 s. */
const OUTAGE_MS = 60_000;
/** The longest back-off after such an outage, and time for the work. */
const MAX_CATCH_UP_MS = 300_000;

export interface CatchUp {
  users: number;
  outageSeconds: number;
  /** From when D1 was back until it had everything. */
  seconds: number;
  /** workerd as a whole: the writer, the users' objects, which share its isolate here, and D1 itself. */
  memoryBeforeMb: number;
  peakMemoryMb: number;
}

/** Many users send an event each while D1 is locked, and all of their objects come to the writer when it is back. */
export async function measureCatchUp(): Promise<CatchUp> {
  const server = await startWorkerServer({ ...VARIANTS.tracklog, mayEvict: true });
  const stored = new StoredEvents(server.d1File);
  const lock = new DatabaseSync(server.d1File, { timeout: 5_000 });
  try {
    const pid = await findWorkerd(server.folder);
    const before = stored.position();
    lock.exec("BEGIN EXCLUSIVE");
    const began = performance.now();
    const bodies = Array.from({ length: USERS / USERS_PER_REQUEST }, (_, request) =>
      JSON.stringify(Array.from({ length: USERS_PER_REQUEST }, (__, user) => newEvent(`waiting-${request}-${user}`))),
    );
    await sendLoad(server.url, bodies, CONNECTIONS);
    await sleep(Math.max(0, OUTAGE_MS - (performance.now() - began)));

    const { nowMb } = await memoryOf(pid);
    await forgetPeak(pid);
    lock.exec("ROLLBACK");
    const back = performance.now();
    await stored.waitForMore(before, USERS, MAX_CATCH_UP_MS);
    return {
      users: USERS,
      outageSeconds: (back - began) / 1000,
      seconds: (performance.now() - back) / 1000,
      memoryBeforeMb: nowMb,
      peakMemoryMb: (await memoryOf(pid)).peakMb,
    };
  } finally {
    lock.close();
    stored.close();
    await server.stop();
  }
}
