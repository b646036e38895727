import * as v from "valibot";
import { databaseNamed, databaseNames } from "../../d1/databases.ts";
import { keyOfRow, readErased, readRows } from "../../d1/read-rows.ts";
import { MAX_PAGE_BYTES, MAX_STREAM_QUERIES } from "../../limits.ts";
import type { Chunk } from "./chunk.ts";
import { inTime } from "../../d1/in-time.ts";

const wholeNumber = v.pipe(v.number(), v.safeInteger());
const name = v.pipe(v.string(), v.regex(/^DB(_\d+)?$/));

/** A database and its event or erased log that was read last; without one, the database's beginning. */
export const timeCursor = v.union([
  v.strictTuple([name, v.literal("events")]),
  v.strictTuple([name, v.literal("events"), wholeNumber, wholeNumber, wholeNumber, v.string()]),
  v.strictTuple([name, v.literal("erased"), wholeNumber, v.string()]),
]);

type TimeCursor = v.InferOutput<typeof timeCursor>;

/**
 * Reads everything that D1 has from a cursor on, without the feed: one database after the other, first its events in
 * the order of their time, then the logs that it knows to be erased. Yields one chunk or, if `isWhole`, as many as one
 * invocation may query. Rejects with what D1 throws.
 */
export async function* readTimeChunks(
  env: Env,
  after: TimeCursor | null,
  limit: number,
  isWhole: boolean,
): AsyncGenerator<Chunk, void> {
  const names = databaseNames(env);
  let cursor: TimeCursor | null = after ?? [names[0]!, "events"];
  for (let queries = 0; cursor && queries < MAX_STREAM_QUERIES; queries++) {
    const found: { lines: Chunk["lines"]; next: TimeCursor | null } = await readChunk(env, names, cursor, limit);
    // At the end the cursor stays at the last place. Later rows come after it if their time is later.
    yield { lines: found.lines, cursor: found.next ?? cursor, more: found.next !== null };
    if (!isWhole) return;
    cursor = found.next;
  }
}

async function readChunk(env: Env, names: readonly string[], cursor: TimeCursor, limit: number) {
  const [database] = cursor;
  const d1 = databaseNamed(env, database);
  if (cursor[1] === "events") {
    const rows = await inTime(
      readRows(d1, {
        after: cursor.length === 6 ? [cursor[2], cursor[3], cursor[4], cursor[5]] : null,
        limit,
        bytes: MAX_PAGE_BYTES,
      }),
    );
    const lines = rows.map((row) => ({
      line: { kind: "event" as const, row },
      cursor: [database, "events", ...keyOfRow(row)],
    }));
    const last = rows.at(-1);
    const next: TimeCursor = last ? [database, "events", ...keyOfRow(last)] : [database, "erased", 0, ""];
    return { lines, next };
  }
  const erased = await inTime(readErased(d1, [cursor[2], cursor[3]], limit));
  const lines = erased.map((log) => ({
    line: { kind: "erasure" as const, ...log },
    cursor: [database, "erased", log.generation, log.user_id],
  }));
  const last = erased.at(-1);
  if (last) return { lines, next: [database, "erased", last.generation, last.user_id] satisfies TimeCursor };
  const following = names[names.indexOf(database) + 1];
  return { lines, next: following === undefined ? null : ([following, "events"] satisfies TimeCursor) };
}
