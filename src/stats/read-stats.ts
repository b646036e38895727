import { databaseNamed, databaseNames } from "../d1/databases.ts";
import { MAX_STATS_ROWS } from "../limits.ts";
import { readCounters, readDayUsers } from "./read-counters.ts";
import { readTallies } from "./read-tallies.ts";
import type { StatsQuery, StatsRow } from "./stats-query.ts";

interface Stats {
  rows: StatsRow[];
  /** Whether the numbers cover all events that D1 has. */
  isWhole: boolean;
}

/**
 * Reads the counters of all databases and adds them up. The databases have different users, except on days on which
 * logs moved. Rejects with what D1 throws.
 *
 * @returns null if there are more than MAX_STATS_ROWS rows
 */
export async function readStats(env: Env, query: StatsQuery): Promise<Stats | null> {
  const names = databaseNames(env);
  const databases = names.map((name) => databaseNamed(env, name));
  if (query.by.has("verdict")) {
    // The Workers store their numbers in the first database.
    const rows = await readTallies(databases[0]!, "verdict", query);
    return rows.length > MAX_STATS_ROWS ? null : { rows: inOrder(rows), isWhole: true };
  }
  const counts = await Promise.all(databases.map((database) => readCounters(database, query)));
  if (counts.some(({ rows }) => rows.length > MAX_STATS_ROWS)) return null;
  const rows = addedUp(counts.flatMap((count) => count.rows));
  if (rows.length > MAX_STATS_ROWS) return null;
  const isWhole = counts.every((count) => count.isWhole);
  return { rows: inOrder(isByDayAlone(query) ? await withUsers(databases, query, rows) : rows), isWhole };
}

function isByDayAlone({ by, event, key }: StatsQuery): boolean {
  return by.size === 1 && by.has("day") && event === undefined && key === undefined;
}

/** Adds each day's users, or null if a database has no exact number, such as for a busy day that is not over. */
async function withUsers(databases: D1Database[], { from, to }: StatsQuery, rows: StatsRow[]): Promise<StatsRow[]> {
  const users = new Map<number, number | null>();
  for (const days of await Promise.all(databases.map((database) => readDayUsers(database, from, to))))
    for (const { day, users: count, isExact } of days) {
      const known = users.get(day);
      users.set(day, isExact && known !== null ? (known ?? 0) + count : null);
    }
  return rows.map((row) => ({ ...row, users: users.get(row.time!) ?? null }));
}

function addedUp(rows: StatsRow[]): StatsRow[] {
  const groups = new Map<string, StatsRow>();
  for (const row of rows) {
    const { time, event, key } = row;
    const group = JSON.stringify([time, event, key]);
    const known = groups.get(group);
    if (!known) groups.set(group, row);
    else {
      known.events += row.events;
      // Null if the databases may have the same users.
      if (typeof row.users === "number" && typeof known.users === "number") known.users += row.users;
      else if ("users" in row) known.users = null;
    }
  }
  return [...groups.values()];
}

/** Sorts by time, and then the most frequent first. */
function inOrder(rows: StatsRow[]): StatsRow[] {
  return rows.sort((a, b) => (a.time ?? 0) - (b.time ?? 0) || b.events - a.events || (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf({ event = "", key = "", verdict = "" }: StatsRow): string {
  return `${event}\n${key}\n${verdict}`;
}
