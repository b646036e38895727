import { databaseNamed, databaseNames } from "../d1/databases.ts";
import { MAX_STATS_ROWS } from "../limits.ts";
import { readCounters, readDayUsers } from "./read-counters.ts";
import { readTallies } from "./read-tallies.ts";
import type { StatsQuery, StatsRow } from "./stats-query.ts";

interface Stats {
  rows: StatsRow[];
  /** Whether the numbers are of all that D1 has. */
  isWhole: boolean;
}

/**
 * Answers a question to the counters of all databases. They have different users, but for the days on which a log moved.
 * Rejects with what D1 throws.
 *
 * @returns null where there are more than MAX_STATS_ROWS
 */
export async function readStats(env: Env, query: StatsQuery): Promise<Stats | null> {
  const names = databaseNames(env);
  const databases = names.map((name) => databaseNamed(env, name));
  if (query.by.has("verdict")) {
    // The Workers hand their numbers to the first database.
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

/** A day's users are null where any database has not counted them, such as a long day that is not over. */
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
      // Null where a database cannot tell whom others have, too.
      if (typeof row.users === "number" && typeof known.users === "number") known.users += row.users;
      else if ("users" in row) known.users = null;
    }
  }
  return [...groups.values()];
}

/** By time, and within it the most frequent first. */
function inOrder(rows: StatsRow[]): StatsRow[] {
  return rows.sort((a, b) => (a.time ?? 0) - (b.time ?? 0) || b.events - a.events || (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf({ event = "", key = "", verdict = "" }: StatsRow): string {
  return `${event}\n${key}\n${verdict}`;
}
