import { MAX_PAGE_BYTES } from "../limits.ts";
import type { EventRow } from "./event-row.ts";

/** A row as the feed has it. */
export type FeedRow = Omit<EventRow, "generation"> & { position: number };

export interface FeedFilter {
  event?: string;
  user_id?: string;
}

/** For each database, by its binding's name, the position up to which a reader has read. Missing: nothing yet. */
export type FeedCursor = Record<string, number>;

export interface FeedPage {
  rows: FeedRow[];
  /** After each row, in the same order, where a reader stands who has read up to it. */
  cursors: FeedCursor[];
  next: FeedCursor;
  /** Whether there was more than the page could hold. */
  more: boolean;
}

interface Shard {
  name: string;
  rows: FeedRow[];
  /** The position up to which the database was read; null where there was more than fits a page. */
  end: number | null;
}

/**
 * Reads the events of all users, in the order in which each database got them. A cursor misses and repeats nothing:
 * positions rise with the order of commits, and an update moves its row to the end.
 *
 * Throws what D1 throws.
 *
 * @param limit how many rows the page may hold; it ends early at MAX_PAGE_BYTES
 */
export async function readFeed(
  databases: readonly { name: string; database: D1Database }[],
  after: FeedCursor,
  filter: FeedFilter,
  limit: number,
): Promise<FeedPage> {
  const shards = await Promise.all(
    databases.map(({ name, database }) => readShard(name, database, after[name] ?? 0, filter, limit)),
  );
  return mergeShards(shards, after, limit);
}

async function readShard(
  name: string,
  database: D1Database,
  after: number,
  filter: FeedFilter,
  limit: number,
): Promise<Shard> {
  const conditions = Object.keys(filter).map((column) => `AND ${column} = ?`);
  // In one transaction: the end must be that of the rows that were read, or a row in between would be missed.
  const [rows, end] = await database.batch<never>([
    database
      .prepare(
        `SELECT position, user_id, event, timestamp, message_id, seq, revision, properties, context, received_at, source,
                found
         FROM (SELECT *, count(*) OVER () AS found,
                      sum(octet_length(properties) + octet_length(context))
                        OVER (ORDER BY position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
               FROM (SELECT * FROM events WHERE position > ? ${conditions.join(" ")} ORDER BY position LIMIT ?))
         WHERE coalesce(bytes_before, 0) < ${MAX_PAGE_BYTES} ORDER BY position`,
      )
      .bind(after, ...Object.values(filter), limit + 1),
    database.prepare("SELECT coalesce(max(position), 0) AS position FROM events"),
  ]);
  const read = rows!.results as (FeedRow & { found: number })[];
  const last = (end!.results as { position: number }[])[0]!.position;
  const isCut = read.length > 0 && (read[0]!.found > limit || read[0]!.found > read.length);
  return { name, rows: read, end: isCut ? null : Math.max(after, last) };
}

/** Takes the row received first from the head of each database, so that the whole comes nearly in time's order. */
function mergeShards(shards: Shard[], after: FeedCursor, limit: number): FeedPage {
  const heads = new Map(shards.map((shard) => [shard, 0]));
  const page: FeedPage = { rows: [], cursors: [], next: { ...after }, more: false };
  while (page.rows.length < limit) {
    const [first] = [...heads]
      .filter(([shard, index]) => index < shard.rows.length)
      .sort(([a, i], [b, j]) => a.rows[i]!.received_at - b.rows[j]!.received_at);
    if (!first) break;
    const [shard, index] = first;
    const row = shard.rows[index]!;
    heads.set(shard, index + 1);
    page.next = { ...page.next, [shard.name]: row.position };
    page.rows.push(row);
    page.cursors.push(page.next);
  }
  for (const [shard, index] of heads) {
    if (index < shard.rows.length || shard.end === null) page.more = true;
    else page.next = { ...page.next, [shard.name]: shard.end };
  }
  return page;
}
