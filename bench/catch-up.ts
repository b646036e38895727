import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { newEvent } from "./loads.ts";
import { sendLoad } from "./send-load.ts";
import { StoredEvents } from "./stored-events.ts";
import { VARIANTS } from "./variants.ts";
import { findWorkerd, forgetPeak, maxFilesOf, memoryOf } from "./workerd-process.ts";
import { startWorkerServer } from "./worker-server.ts";

const MAX_USERS = 20_000;
const USERS_PER_REQUEST = 100;
/** workerd needs up to four open files for an object, and the system limits how many it may have open. */
const FILES_PER_USER = 4;
const MEMORY = "/dev/shm";

/** Few, because each request calls a hundred objects at once. */
const CONNECTIONS = 2;

/** D1 has been unavailable for 60 to 80 s in practice. */
const OUTAGE_MS = 60_000;
/** The longest back-off after such an outage, and the time for the deliveries. */
const MAX_CATCH_UP_MS = 300_000;

export interface CatchUp {
  users: number;
  outageSeconds: number;
  /** From the end of the outage until D1 had everything. */
  seconds: number;
  /** Of the whole workerd process. Locally it runs the writer, the users' objects and D1 itself. */
  memoryBeforeMb: number;
  peakMemoryMb: number;
}

/** Many users send one event each while D1 is locked. When it is unlocked, all of their objects call the writer. */
export async function measureCatchUp(): Promise<CatchUp> {
  // In memory if possible: on a disk it would take minutes to create so many objects, and this is not measured here.
  const state = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "tracklog-catch-up-"));
  const server = await startWorkerServer({ ...VARIANTS.tracklog, state, mayEvict: true, isSilent: true });
  const stored = new StoredEvents(server.d1File);
  const lock = new DatabaseSync(server.d1File, { timeout: 5_000 });
  try {
    const pid = await findWorkerd(server.folder);
    const requests = Math.floor(Math.min(MAX_USERS, (await maxFilesOf(pid)) / FILES_PER_USER) / USERS_PER_REQUEST);
    const users = requests * USERS_PER_REQUEST;
    const before = stored.position();
    lock.exec("BEGIN EXCLUSIVE");
    const began = performance.now();
    const bodies = Array.from({ length: requests }, (_, request) =>
      JSON.stringify(Array.from({ length: USERS_PER_REQUEST }, (__, user) => newEvent(`waiting-${request}-${user}`))),
    );
    await sendLoad(server.url, bodies, CONNECTIONS);
    await sleep(Math.max(0, OUTAGE_MS - (performance.now() - began)));

    console.error(`  ${users} users have waited for D1 for up to ${Math.round((performance.now() - began) / 1000)} s`);
    const { nowMb } = await memoryOf(pid);
    await forgetPeak(pid);
    lock.exec("ROLLBACK");
    const back = performance.now();
    await stored.waitForMore(before, users, MAX_CATCH_UP_MS);
    return {
      users,
      outageSeconds: (back - began) / 1000,
      seconds: (performance.now() - back) / 1000,
      memoryBeforeMb: nowMb,
      peakMemoryMb: (await memoryOf(pid)).peakMb,
    };
  } finally {
    lock.close();
    stored.close();
    await server.stop();
    await rm(state, { recursive: true, force: true });
  }
}
