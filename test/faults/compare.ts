import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { label, type Ledger, type LedgerEntry } from "./ledger.ts";

interface Stored {
  timestamp: string;
  seq: number;
  revision: number;
  properties: unknown;
}

/** Returns what is wrong in the timelines: each must have every answered event exactly once, with the answered seq. */
export async function compareTimelines(url: string, ledger: Ledger): Promise<string[]> {
  const violations: string[] = [];
  for (const [userId, entries] of everybody(ledger)) {
    const response = await fetch(`${url}/users/${userId}/events?limit=500`);
    const { events = [] } = (await response.json()) as { events?: Stored[] }; // an erased user has none
    violations.push(...compareUser(`the timeline of ${userId}`, entries, events));
    const inOrder = events.toSorted((a, b) => a.timestamp.localeCompare(b.timestamp) || a.seq - b.seq);
    if (!isDeepStrictEqual(inOrder, events)) violations.push(`the timeline of ${userId} is out of order`);
  }
  return violations;
}

/** Returns what is wrong in D1. Waits first until D1 has caught up. */
export async function compareD1(d1File: string, ledger: Ledger, maxWaitMs: number): Promise<string[]> {
  const database = new DatabaseSync(d1File, { readOnly: true, timeout: 5_000 });
  // Reads all users at once, because the table has no index by user.
  const select = database.prepare(
    "SELECT user_id, timestamp, seq, revision, properties FROM events ORDER BY timestamp, seq",
  );
  const compare = () => {
    const rows = select.all() as unknown as {
      user_id: string;
      timestamp: number;
      seq: number;
      revision: number;
      properties: string;
    }[];
    const byUser = Map.groupBy(rows, (row) => row.user_id);
    return everybody(ledger).flatMap(([userId, entries]) => {
      const stored = (byUser.get(userId) ?? []).map((row) => ({
        ...row,
        timestamp: new Date(row.timestamp).toISOString(),
        properties: JSON.parse(row.properties) as unknown,
      }));
      return compareUser(`D1's copy of ${userId}`, entries, stored);
    });
  };
  const start = performance.now();
  let violations = compare();
  while (violations.length > 0 && performance.now() - start < maxWaitMs) {
    await sleep(500);
    violations = compare();
  }
  database.close();
  return violations;
}

/** Returns where D1 differs from the logs, row by row and column by column. */
export async function compareCopies(url: string, d1File: string, ledger: Ledger): Promise<string[]> {
  const violations: string[] = [];
  const database = new DatabaseSync(d1File, { readOnly: true, timeout: 5_000 });
  const select = database.prepare(
    `SELECT user_id, event, timestamp, properties, context, message_id, seq, revision, received_at, source FROM events
     ORDER BY timestamp, seq`,
  );
  const byUser = Map.groupBy(select.all(), (row) => row["user_id"] as string);
  let rowsOfLogs = 0;
  for (const [userId] of everybody(ledger)) {
    const response = await fetch(`${url}/users/${userId}/events?limit=500`);
    const { events = [] } = (await response.json()) as { events?: object[] };
    rowsOfLogs += events.length;
    const rows = (byUser.get(userId) ?? []).map((row) => ({
      ...row,
      timestamp: new Date(row["timestamp"] as number).toISOString(),
      received_at: new Date(row["received_at"] as number).toISOString(),
      properties: JSON.parse(row["properties"] as string) as unknown,
      context: JSON.parse(row["context"] as string) as unknown,
    }));
    const expected = events.map((event) => ({ ...event, user_id: userId }));
    if (!isDeepStrictEqual(rows, expected)) violations.push(`D1 differs from the log of ${userId}`);
  }
  const { rows } = database.prepare("SELECT count(*) AS rows FROM events").get() as { rows: number };
  if (rows !== rowsOfLogs) violations.push(`D1 has ${rows} rows, and the logs have ${rowsOfLogs} events`);
  database.close();
  return violations;
}

/** All users whose events were answered, including those who were erased since. */
function everybody({ users, erased }: Ledger): [string, Map<string, LedgerEntry>][] {
  const nothing = new Map<string, LedgerEntry>();
  return [...users, ...[...erased].filter((user) => !users.has(user)).map((user) => [user, nothing] as const)].map(
    ([user, entries]) => [user, entries],
  );
}

function compareUser(where: string, entries: Map<string, LedgerEntry>, stored: readonly Stored[]): string[] {
  const violations: string[] = [];
  const seen = new Set<string>();
  for (const { timestamp, seq, revision, properties } of stored) {
    const entry = entries.get(timestamp);
    if (!entry) violations.push(`${where} has ${timestamp}, which was never answered`);
    else if (seen.has(timestamp)) violations.push(`${where} has ${timestamp} twice`);
    else if (seq !== entry.seq)
      violations.push(`${where} has ${timestamp} as seq ${seq}, but it was answered as ${entry.seq}`);
    else if (revision !== entry.revision || !isDeepStrictEqual(properties, entry.sent.properties))
      violations.push(`${where} lacks an answered update of ${timestamp}`);
    seen.add(timestamp);
  }
  for (const [timestamp, { sent }] of entries)
    if (!seen.has(timestamp)) violations.push(`${where} lacks ${label(sent)}`);
  const seqs = stored.map(({ seq }) => seq).sort((a, b) => a - b);
  if (seqs.some((seq, i) => seq !== i + 1)) violations.push(`${where} has gaps in its seq`);
  return violations;
}
