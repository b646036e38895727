import * as v from "valibot";
import { databaseNamed, databaseNames } from "../../d1/databases.ts";
import {
  FEED_START,
  type FeedLine,
  type FeedPage,
  type FeedQuery,
  QUERIES_PER_FEED_PAGE,
  readFeed,
} from "../../d1/read-feed.ts";
import { MAX_PAGE_BYTES, MAX_STREAM_QUERIES } from "../../limits.ts";
import { logFailure } from "../../log-failure.ts";
import { inTime } from "../../d1/in-time.ts";

const wholeNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/**
 * Each database's incarnation and the position in its feed. If a database is missing, the reader starts at its
 * beginning.
 */
export const feedCursor = v.record(
  v.pipe(v.string(), v.regex(/^DB(_\d+)?$/)),
  v.strictTuple([v.string(), wholeNumber, wholeNumber]),
);

export type FeedCursor = v.InferOutput<typeof feedCursor>;

/** Some lines, each with the cursor after it, and the cursor after all of them. */
export interface FeedChunk {
  lines: { line: FeedLine; cursor: FeedCursor }[];
  cursor: FeedCursor;
  /** Whether there is more to read. */
  more: boolean;
}

type Filter = Pick<FeedQuery, "event" | "user_id" | "order" | "limit">;

/**
 * Reads the feed from a cursor: one chunk or, if `isWhole`, chunk after chunk until the end or the limit on queries in
 * one invocation. While other databases have lines, one that fails does not stop them.
 *
 * Yields "gone" and ends if a database cannot continue from the cursor. Throws what D1 throws if there is nothing to
 * yield.
 */
export async function* readChunks(
  env: Env,
  after: FeedCursor,
  filter: Filter,
  isWhole: boolean,
): AsyncGenerator<FeedChunk | "gone", void> {
  const names = databaseNames(env);
  let cursor = after;
  for (let queries = 0; queries < MAX_STREAM_QUERIES; queries += QUERIES_PER_FEED_PAGE * names.length) {
    const { chunk, failure, gone } = await readChunk(env, names, cursor, filter);
    if (gone) {
      yield "gone";
      return;
    }
    if (failure && chunk.lines.length === 0) throw failure.reason;
    if (failure) logFailure("feed_incomplete", failure.reason);
    yield chunk;
    if (!isWhole || !chunk.more) return;
    ({ cursor } = chunk);
  }
}

/**
 * Takes an equal share from each database, so that none waits for another's backlog, and merges the shares by time.
 * Keeps each database's own order, which is that of its commits; times of receipt may be in another order.
 */
async function readChunk(env: Env, names: string[], after: FeedCursor, filter: Filter) {
  const isForwards = filter.order === "asc";
  const query: FeedQuery = {
    ...filter,
    limit: Math.ceil(filter.limit / names.length),
    bytes: Math.ceil(MAX_PAGE_BYTES / names.length),
  };
  const answers = await Promise.allSettled(
    names.map((name) => {
      const [life, ...place] = after[name] ?? [undefined, ...FEED_START[filter.order]];
      const page = readFeed(databaseNamed(env, name), place, query, life);
      return inTime(page);
    }),
  );
  const pages = names.flatMap((name, index) => {
    const answer = answers[index]!;
    return answer.status === "fulfilled" && answer.value.kind === "page" ? [{ name, ...answer.value }] : [];
  });
  const gone = answers.some((answer) => answer.status === "fulfilled" && answer.value.kind === "gone");
  const merged = pages
    .flatMap(({ name, page, incarnation }) => timed(page, isForwards).map((line) => ({ name, incarnation, ...line })))
    .toSorted((a, b) => (isForwards ? a.time - b.time : b.time - a.time))
    .slice(0, filter.limit);

  let cursor = after;
  const lines = merged.map(({ name, incarnation, line }) => {
    cursor = { ...cursor, [name]: [incarnation, ...line.place] };
    return { line, cursor };
  });
  const failure = answers.find((answer) => answer.status === "rejected");
  let more = failure !== undefined;
  for (const { name, page, incarnation } of pages) {
    const isRead = merged.filter((line) => line.name === name).length === page.lines.length;
    if (isRead) cursor = { ...cursor, [name]: [incarnation, ...page.next] };
    more ||= page.more || !isRead;
  }
  return { chunk: { lines, cursor, more } satisfies FeedChunk, failure, gone };
}

/** The lines with the times to merge them by, which never go back within one database. */
function timed({ lines }: FeedPage, isForwards: boolean): { line: FeedLine; time: number }[] {
  let time = isForwards ? -Infinity : Infinity;
  return lines.map((line) => {
    time = isForwards ? Math.max(time, line.at) : Math.min(time, line.at);
    return { line, time };
  });
}
