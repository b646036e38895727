import { DAY_MS } from "../d1/hour.ts";
import { MAX_STATS_ROWS } from "../limits.ts";
import type { StatsQuery, StatsRow } from "./stats-query.ts";
import type { TallyKind } from "./tally.ts";

/** Reads the counts of what was answered in a range, which are approximate. Rejects with what D1 throws. */
export async function readTallies(database: D1Database, kind: TallyKind, query: StatsQuery): Promise<StatsRow[]> {
  const { from, to, by, key } = query;
  const columns = [
    by.has("hour") && "hour AS time",
    by.has("day") && `hour - hour % ${DAY_MS} AS time`,
    by.has("key") && "source AS key",
    "name AS verdict",
  ].filter((column) => column !== false);
  const { results } = await database
    .prepare(
      `SELECT ${columns.join(", ")}, sum(count) AS events FROM tallies
       WHERE hour >= ?1 AND hour < ?2 AND kind = ?3 AND source = coalesce(?4, source)
       GROUP BY ${columns.map((_, index) => index + 1).join(", ")} ORDER BY events DESC LIMIT ${MAX_STATS_ROWS + 1}`,
    )
    .bind(from, to, kind, key ?? null)
    .all<StatsRow>();
  return results;
}
