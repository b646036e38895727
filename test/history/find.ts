import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { EVENT_ROW_COLUMNS, type EventRow } from "../../src/d1/event-row.ts";
import { readParquet } from "../../src/archive/parquet-file.ts";
import { checkCopies } from "./model/check-copies.ts";
import type { CopiedEvent, StoredEvent } from "./model/entry.ts";
import type { ArchivedEvent, Found, KeptEvent, FoundCounters, FoundReceipt, FoundSummary } from "./model/found.ts";
import { type Answered, DATABASES, type ServerUnderTest } from "./server-under-test.ts";
import { readTimeline } from "./writer-client.ts";

const POLL_MS = 500;
const ASK_TIMES = 20;
const MAX_CRON_RUNS = 30;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MONTH_MS = 28 * DAY_MS;
const DAYS_BEFORE = 5;

/** Waits until every erasure is done, and D1 and the archive have the logs' events. Gives up after `maxMs`. */
export async function settle(server: ServerUnderTest, users: readonly string[], maxMs: number): Promise<void> {
  const end = performance.now() + maxMs;
  const timelines = new Map<string, StoredEvent[]>();
  for (const user of users) timelines.set(user, await patiently(() => readTimeline(server, user, 500)));
  // The next run finishes a job that a crash has interrupted.
  for (const database of DATABASES)
    await patiently(() => server.ask("POST", `/archive/run?database=${database}`, { isLong: true }));
  let erasing = [...users];
  while (performance.now() < end) {
    const still: string[] = [];
    for (const user of erasing) if (await isErasing(server, user)) still.push(user);
    erasing = still;
    const copies = { timelines, ...(await findArchive(server)), d1: readD1(server.d1Files) };
    if (erasing.length === 0 && checkCopies(copies).length === 0) return;
    await sleep(POLL_MS);
  }
}

async function isErasing(server: ServerUnderTest, user: string): Promise<boolean> {
  const { body } = await asked(server, `${pathOf(user)}/erasure`);
  return ((body["erasures"] ?? []) as FoundReceipt[]).some(({ done_at }) => done_at === null);
}

/** Collects everything that is stored, after it has stopped changing. */
export async function find(server: ServerUnderTest, users: readonly string[], startedAt: number): Promise<Found> {
  const timelines = new Map<string, StoredEvent[]>();
  const summaries = new Map<string, FoundSummary | null>();
  const receipts = new Map<string, FoundReceipt[]>();
  const suppressed = new Map<string, boolean>();
  for (const user of users) {
    timelines.set(user, await patiently(() => readTimeline(server, user, 500)));
    const summary = await asked(server, pathOf(user));
    summaries.set(user, summary.status === 200 ? (summary.body as unknown as FoundSummary) : null);
    receipts.set(user, ((await asked(server, `${pathOf(user)}/erasure`)).body["erasures"] as FoundReceipt[]) ?? []);
    suppressed.set(user, (await asked(server, `${pathOf(user)}/suppression`)).body["suppressed"] === true);
  }
  // A run of the cron has a budget, and the next run continues.
  for (let run = 0; run < MAX_CRON_RUNS && !isRolledUp(server); run++)
    await patiently(async () => (await server.runCron()) || null);
  const archive = await findArchive(server);
  const copies = { timelines, ...archive, d1: readD1(server.d1Files) };
  const counters = await findCounters(server, startedAt, copies.d1);
  // If the server is not healthy, it answers 503, which counts as no answer.
  const health = (await server.ask("GET", "/health")) ? "ok" : "not ok";
  return { ...copies, summaries, receipts, suppressed, counters, health };
}

function readD1(files: readonly string[]): KeptEvent[] {
  return files.flatMap((file) => {
    const rows = query(file, `SELECT ${EVENT_ROW_COLUMNS.join(", ")} FROM events`) as unknown as EventRow[];
    return rows.map((row) => ({ ...copiedOf(row), database: file }));
  });
}

async function findArchive(server: ServerUnderTest): Promise<Pick<Found, "archive" | "listed" | "objects">> {
  const { manifests } = (await asked(server, "/archive/manifest")).body as {
    manifests: { objects: { name: string }[] }[];
  };
  const listed = manifests.flatMap(({ objects }) => objects.map(({ name }) => name));
  const all = JSON.parse((await asked(server, "/__history/objects", "POST")).text) as string[];
  const archive: ArchivedEvent[] = [];
  for (const object of listed) {
    const bytes = await server.bytes(`/archive/objects/${object}`);
    if (!bytes) continue;
    const rows = await readParquet(bytes, { columns: EVENT_ROW_COLUMNS });
    archive.push(...rows.map((row) => ({ ...copiedOf(row), object })));
  }
  return { archive, listed, objects: all.filter((name) => !name.includes("/manifest/")) };
}

/** Requests the hours of one month at a time, because clocks that ran ahead have made events in later months. */
async function findCounters(
  server: ServerUnderTest,
  startedAt: number,
  d1: readonly CopiedEvent[],
): Promise<FoundCounters> {
  const end = d1.reduce((latest, { stored }) => Math.max(latest, Date.parse(stored.timestamp)), startedAt) + HOUR_MS;
  const counters: FoundCounters = {
    rows: [],
    isComplete: true,
    sealedBefore: Math.max(...server.d1Files.map(sealedBefore)),
    verdicts: {},
  };
  for (let from = startedAt - DAYS_BEFORE * DAY_MS; from < end; from += MONTH_MS) {
    const range = `from=${from}&to=${from + MONTH_MS}`;
    const { body } = await asked(server, `/stats?by=hour,event&${range}`);
    counters.rows.push(...(body["rows"] as FoundCounters["rows"]));
    counters.isComplete &&= body["complete"] === true;
    const told = (await asked(server, `/stats?by=verdict&${range}`)).body["rows"] as {
      verdict: string;
      events: number;
    }[];
    for (const { verdict, events } of told) counters.verdicts[verdict] = (counters.verdicts[verdict] ?? 0) + events;
  }
  return counters;
}

function sealedBefore(file: string): number {
  const [row] = query(file, "SELECT sealed_before FROM rollup");
  return row!["sealed_before"] as number;
}

function isRolledUp({ d1Files }: ServerUnderTest): boolean {
  return d1Files.every((file) => {
    const [row] = query(file, "SELECT (SELECT position FROM rollup) >= max(position) AS is_rolled_up FROM feed");
    // A database that nobody was given to has no feed.
    return row!["is_rolled_up"] !== 0;
  });
}

function query(file: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5_000 });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

async function asked(server: ServerUnderTest, path: string, method = "GET"): Promise<NonNullable<Answered>> {
  return patiently(() => server.ask(method, path));
}

/** Tries again for a while. Throws if there is no answer, because at this time no fault is injected any more. */
async function patiently<T>(ask: () => Promise<T | null>): Promise<T> {
  for (let time = 0; time < ASK_TIMES; time++) {
    const answer = await ask();
    if (answer !== null) return answer;
    await sleep(POLL_MS);
  }
  throw new Error("The server does not answer although nothing fails any more");
}

function copiedOf({ user_id, generation, timestamp, received_at, properties, context, ...row }: EventRow): CopiedEvent {
  const stored: StoredEvent = {
    event: row.event,
    timestamp: new Date(timestamp).toISOString(),
    properties: JSON.parse(properties) as Record<string, unknown>,
    context: JSON.parse(context) as Record<string, unknown>,
    message_id: row.message_id,
    seq: row.seq,
    revision: row.revision,
    received_at: new Date(received_at).toISOString(),
    source: row.source,
  };
  return { user: user_id, generation, stored };
}

function pathOf(user: string): string {
  return `/users/${encodeURIComponent(user)}`;
}
