import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { seededRandom } from "./seeded-random.ts";
import { type Spread, spreadOf } from "./spread.ts";

// Measures the engine alone, in this process: what a statement costs D1's one thread, without the network and the disk.
// Both layouts get the same events of random users in turns, with the statements of the first release and of today.

const USERS = 40_000;
const GROUP_EVENTS = 200;
const BLOCK_GROUPS = 25;
const BLOCKS = 9;
const FIRST_TIMESTAMP = 1_700_000_000_000;
/** SQLite's default of 2,000 KiB, which workerd does not change. */
const DEFAULT_CACHE = -2_000;

const root = join(import.meta.dirname, "..");

export interface D1Inserts {
  /** Microseconds per event. */
  firstReleaseUs: Spread;
  currentUs: Spread;
  /** How many times as fast today's table is, for each block. */
  ratio: Spread;
}

/** An event of a random user. */
interface RandomEvent {
  userId: string;
  generation: number;
  seq: number;
  timestamp: number;
}

interface Layout {
  migration: string;
  /** The module that exports `insertEvents`. */
  inserter: string;
  /** An encoded row. */
  encode: (event: RandomEvent) => string;
  /** The columns of an INSERT, and a SELECT from `sent`: the columns of a RandomEvent, and n. */
  prefill: string;
}

type Insert = (database: unknown, rows: readonly string[], oldest: number, now: number) => Promise<void>;

const PROPERTIES = '{"email":"ada@example.com","path":"/pricing","plan":"team","amount":4200}';

const FIRST_RELEASE: Layout = {
  migration: "bench/variants/first-release/migrations/0001_events.sql",
  inserter: "bench/variants/first-release/insert-events.ts",
  encode: ({ userId, generation, seq, timestamp }) =>
    JSON.stringify([userId, generation, seq, 1, "page_viewed", timestamp, null, PROPERTIES, "{}", timestamp, null]),
  prefill: `(position, user_id, generation, seq, revision, event, timestamp, properties, context, received_at)
    SELECT n, user_id, generation, seq, 1, 'page_viewed', timestamp, '${PROPERTIES}', '{}', timestamp FROM sent`,
};

const CURRENT: Layout = {
  migration: "src/d1/migrations/0001_events.sql",
  inserter: "src/d1/insert-events.ts",
  encode: ({ userId, generation, seq, timestamp }) =>
    JSON.stringify([userId, generation, timestamp, "page_viewed", null, seq, 1, PROPERTIES, "{}", timestamp, null]),
  prefill: `(timestamp, generation, seq, user_id, revision, event, properties, context, received_at, written_at)
    SELECT timestamp, generation, seq, user_id, 1, 'page_viewed', '${PROPERTIES}', '{}', timestamp, timestamp FROM sent`,
};

/** @param prefilled how many events the tables have before the first block */
export async function measureD1Inserts(prefilled: number, blocks = BLOCKS): Promise<D1Inserts> {
  const folder = await mkdtemp(join(tmpdir(), "tracklog-inserts-"));
  try {
    const first = await open(FIRST_RELEASE, join(folder, "first.sqlite"), prefilled);
    const current = await open(CURRENT, join(folder, "current.sqlite"), prefilled);
    const eventOf = eventSource(prefilled);
    const firstUs: number[] = [];
    const currentUs: number[] = [];
    // The first block warms up the caches and is not counted.
    for (let block = -1; block < blocks; block++) {
      const events = Array.from({ length: BLOCK_GROUPS * GROUP_EVENTS }, eventOf);
      const samples = [await first.insert(events), await current.insert(events)] as const;
      if (block < 0) continue;
      firstUs.push(samples[0]);
      currentUs.push(samples[1]);
    }
    first.database.close();
    current.database.close();
    return {
      firstReleaseUs: spreadOf(firstUs),
      currentUs: spreadOf(currentUs),
      ratio: spreadOf(firstUs.map((microseconds, block) => microseconds / currentUs[block]!)),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Makes events that follow the prefilled ones, one each millisecond. */
function eventSource(prefilled: number): () => RandomEvent {
  const random = seededRandom(1);
  let n = prefilled;
  return () => {
    const user = Math.floor(random() * USERS);
    return { userId: userIdOf(user), generation: user * 7_919_317, seq: ++n, timestamp: FIRST_TIMESTAMP + n };
  };
}

/** As long as a UUID, and in no order. USER_ID_SQL makes the same id from a column `user`. */
function userIdOf(user: number): string {
  const hash = (Math.imul(user, 2_654_435_761) >>> 0).toString(16).padStart(8, "0");
  return `${hash}-0000-4000-8000-${user.toString(16).padStart(12, "0")}`;
}

const USER_ID_SQL = "printf('%08x-0000-4000-8000-%012x', user * 2654435761 & 4294967295, user)";

async function open({ migration, inserter, encode, prefill }: Layout, file: string, prefilled: number) {
  const database = new DatabaseSync(file);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000");
  database.exec(await readFile(join(root, migration), "utf8"));
  database.exec(`
    WITH RECURSIVE row(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM row WHERE n < ${prefilled}),
      chosen AS (SELECT n, (n * 2654435761 & 4294967295) % ${USERS} AS user FROM row),
      sent AS (SELECT n, n AS seq, ${FIRST_TIMESTAMP} + n AS timestamp, ${USER_ID_SQL} AS user_id,
        user * 7919317 AS generation FROM chosen)
    INSERT INTO events ${prefill}`);
  database.exec(`PRAGMA wal_checkpoint(TRUNCATE); PRAGMA cache_size = ${DEFAULT_CACHE}`);
  // This is the Worker's own module, which expects a D1. Here the engine takes D1's place.
  const { insertEvents } = (await import(join(root, inserter))) as { insertEvents: Insert };
  const d1 = engineAsD1(database);

  /** Returns the microseconds per event. */
  const insert = async (events: readonly RandomEvent[]): Promise<number> => {
    const rows = events.map(encode);
    const start = performance.now();
    for (let at = 0; at < rows.length; at += GROUP_EVENTS)
      await insertEvents(d1, rows.slice(at, at + GROUP_EVENTS), 0, at);
    return ((performance.now() - start) * 1000) / rows.length;
  };
  return { database, insert };
}

/** The part of D1 that the two inserters use: a batch is a transaction. */
function engineAsD1(database: DatabaseSync) {
  const prepare = (sql: string) => {
    const statement = database.prepare(sql);
    const bind = (...values: (string | number)[]) => {
      const run = () => Promise.resolve(void statement.run(...values));
      return { run };
    };
    return { bind };
  };
  const batch = async (statements: readonly { run: () => Promise<void> }[]) => {
    database.exec("BEGIN");
    for (const { run } of statements) await run();
    database.exec("COMMIT");
    return statements.map(() => ({ meta: { size_after: 0 } }));
  };
  return { prepare, batch };
}
