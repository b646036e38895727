import { copyFileSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { runScript } from "../scripts/run-script.ts";
import { newEvents, send } from "./client.ts";
import { erase } from "./erasing-client.ts";
import type { Ledger } from "./ledger.ts";
import type { MortalServer } from "./mortal-server.ts";

// Deletes D1, and later restores an older copy of it, while clients go on writing. The result of `npm run rebuild` is checked
// at the end of the run.

const PAUSE_MS = 4_000;
const MAX_TRIES = 5;
const MANY_USERS = 400;
const MAX_DELIVERY_MS = 30_000;

/** How many users are erased after the copy is made. Every other one of them returns. */
const DOOMED_USERS = 20;
const DOOMED_EVENTS = 5;

/** Deletes the database's files, and rebuilds it from the logs under load. */
export async function loseDatabase(server: MortalServer, ledger: Ledger): Promise<void> {
  // Makes the rebuild take longer, so that it runs while clients write.
  for (let round = 0; round < 3; round++)
    await send(
      server.url,
      newEvents(MANY_USERS, (i) => `one-of-many-${i}`),
      ledger,
    );
  await sleep(PAUSE_MS);
  const cursor = await feedCursor(server.url);
  await server.kill();
  removeDatabase(server.d1File);
  await server.start();
  const before = ledger.answered;
  await rebuild(server.url);
  console.log(`D1 lost and rebuilt: ${ledger.answered - before} events answered meanwhile`);
  await expectGone(server.url, cursor, ledger);
}

/**
 * Replaces the database with an older copy, and rebuilds it under load, with a kill half-way. The copy has rows of users
 * who were erased since.
 */
export async function restoreDatabase(server: MortalServer, ledger: Ledger, random: () => number): Promise<void> {
  const copy = `${server.d1File}.copy`;
  const doomed = Array.from({ length: DOOMED_USERS }, (_, i) => `doomed-${i}`);
  for (const user of doomed)
    await send(
      server.url,
      newEvents(DOOMED_EVENTS, () => user),
      ledger,
    );
  await waitForRows(server.d1File, doomed.length * DOOMED_EVENTS);
  copyDatabase(server.d1File, copy);
  for (const [number, user] of doomed.entries()) {
    await erase(server.url, user, ledger);
    ledger.users.delete(user);
    if (number % 2 === 0)
      await send(
        server.url,
        newEvents(2, () => user),
        ledger,
      );
  }
  await sleep(PAUSE_MS);
  const cursor = await feedCursor(server.url);
  await server.kill();
  removeDatabase(server.d1File);
  copyFileSync(copy, server.d1File);
  await server.start();
  const before = ledger.answered;
  const begun = runRebuild(server.url);
  await sleep(100 + 800 * random());
  await server.kill();
  const { code } = await begun;
  await server.start();
  await rebuild(server.url);
  console.log(
    `D1 restored, with rows of ${doomed.length} users who were erased since, and rebuilt` +
      `${code === 0 ? "" : ", with a kill half-way"}: ${ledger.answered - before} events answered meanwhile`,
  );
  await expectGone(server.url, cursor, ledger);
}

/** Starts the rebuild again whenever it is interrupted, as a person would. */
async function rebuild(url: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const { code, output, errors } = await runRebuild(url);
    if (code === 0) return;
    if (attempt === MAX_TRIES) throw new Error(`The rebuild does not finish: ${errors}${output}`);
    await sleep(1_000);
  }
}

function runRebuild(url: string) {
  return runScript("scripts/rebuild.ts", ["--url", url]);
}

/** Makes a consistent copy while others write. */
function copyDatabase(file: string, copy: string): void {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  database.prepare("VACUUM INTO ?").run(copy);
  database.close();
}

/** Waits until D1 has this many rows of the users who will be erased. */
async function waitForRows(file: string, rows: number): Promise<void> {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  const select = database.prepare("SELECT count(*) AS rows FROM events WHERE user_id LIKE 'doomed-%'");
  const start = performance.now();
  while ((select.get() as { rows: number }).rows < rows) {
    if (performance.now() - start > MAX_DELIVERY_MS) throw new Error("D1 does not get the events of the logs");
    await sleep(100);
  }
  database.close();
}

function removeDatabase(file: string): void {
  for (const part of [file, `${file}-wal`, `${file}-shm`]) rmSync(part, { force: true });
}

/** The current cursor of a reader of the feed. */
async function feedCursor(url: string): Promise<string> {
  const response = await fetch(`${url}/events?limit=1`);
  return ((await response.json()) as { next_cursor: string }).next_cursor;
}

async function expectGone(url: string, cursor: string, ledger: Ledger): Promise<void> {
  const { status } = await fetch(`${url}/events?after=${cursor}`);
  if (status !== 410) ledger.violations.push(`an older cursor was answered ${status}, not 410`);
}
