import { MAX_PAGE_BYTES, MAX_REASON_ROWS } from "../../limits.ts";
import { rejectionsDatabase } from "./store-rejections.ts";
import type { RejectionCount } from "./tally.ts";

/** A row of `rejections`. */
export interface RejectionRow {
  id: number;
  received_at: number;
  reason: string;
  event: string | null;
  source: string | null;
  path: string;
  /** JSON text. */
  faults: string;
  user_id: string | null;
  /** JSON text. */
  body: string | null;
}

interface RejectionQuery {
  reason?: string | undefined;
  event?: string | undefined;
  key?: string | undefined;
  user_id?: string | undefined;
  /** Epoch milliseconds, inclusive and exclusive. */
  from?: number | undefined;
  to?: number | undefined;
  /** Only those with an id below this one. */
  before?: number | undefined;
  limit: number;
}

/**
 * Reads a page of rejections, the newest first. It ends early at MAX_PAGE_BYTES, but has at least one if there is any.
 */
export async function readRejections(
  env: Env,
  query: RejectionQuery,
): Promise<{ rows: RejectionRow[]; next: number | null }> {
  const { results } = await rejectionsDatabase(env)
    .prepare(
      `SELECT * FROM rejections
       WHERE id < ?1 AND reason = coalesce(?2, reason) AND event IS coalesce(?3, event)
         AND source IS coalesce(?4, source) AND user_id IS coalesce(?5, user_id)
         AND received_at >= ?6 AND received_at < ?7
       ORDER BY id DESC LIMIT ?8`,
    )
    .bind(
      query.before ?? Number.MAX_SAFE_INTEGER,
      query.reason ?? null,
      query.event ?? null,
      query.key ?? null,
      query.user_id ?? null,
      query.from ?? 0,
      query.to ?? Number.MAX_SAFE_INTEGER,
      query.limit + 1,
    )
    .all<RejectionRow>();
  let characters = 0;
  const rows = results.slice(0, query.limit).filter((row, index) => {
    characters += row.faults.length + (row.body?.length ?? 0);
    return index === 0 || characters <= MAX_PAGE_BYTES;
  });
  return { rows, next: rows.length < results.length ? rows.at(-1)!.id : null };
}

/**
 * Reads rejections after an id that can be replayed, oldest first: those with certain ids, or with a certain reason.
 */
export async function readReplayable(
  env: Env,
  { ids, reason, after, limit }: { ids?: number[]; reason?: string; after: number; limit: number },
): Promise<RejectionRow[]> {
  const { results } = await rejectionsDatabase(env)
    .prepare(
      `SELECT * FROM rejections WHERE body IS NOT NULL AND id > ?1
         AND (?2 IS NULL OR reason = ?2) AND (?3 IS NULL OR id IN (SELECT value FROM json_each(?3)))
       ORDER BY id LIMIT ?4`,
    )
    .bind(after, reason ?? null, ids ? JSON.stringify(ids) : null, limit)
    .all<RejectionRow>();
  return results;
}

/** Reads the counts of a period (epoch milliseconds), the newest hour first and at most MAX_REASON_ROWS of them. */
export async function readRejectionCounts(env: Env, from: number, to: number): Promise<RejectionCount[]> {
  const { results } = await rejectionsDatabase(env)
    .prepare(
      `SELECT * FROM rejection_counts WHERE hour >= ?1 AND hour < ?2 ORDER BY hour DESC LIMIT ${MAX_REASON_ROWS}`,
    )
    .bind(from, to)
    .all<RejectionCount>();
  return results;
}
