import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { chooseDatabase, noteFull } from "../src/d1/open-databases.ts";
import { rebuildDatabase } from "../src/user/rebuild-database.ts";
import { databaseOf } from "../src/user/stretches.ts";
import { type Answer, delivered, events, newUser, pendingOf, record, stateOf, userLog } from "./tracklog.ts";

// Several databases under the names that the Worker uses. A user's object has the same env as the test.

const DATABASES = { DB: env.DB, DB_1: env.SECOND_DB, DB_2: env.THIRD_DB };

export type DatabaseName = keyof typeof DATABASES;

/**
 * What becomes of an insertion of events. A full database accepts none, but still answers and deletes. One that is away
 * does nothing at all. A lost insertion takes effect but is never answered. A late one takes effect when `release` is
 * called.
 */
type Mode = "ok" | "full" | "away" | "lost" | "late";

/** Awaited before and after each batch, for tests that step through time. */
const pace = { turn: async (): Promise<void> => {} };

/** How many batches of any kind were sent. Batch number `at` is held, before or after D1 gets it. */
const hold = { batches: 0, at: Infinity, moment: "before" as "before" | "after", reached: false };

const modes = new Map<DatabaseName, Mode>();
/** How many batches with insertions were sent to each database. */
const tries = new Map<DatabaseName, number>();
let late: (() => Promise<unknown>)[] = [];

export function setMode(name: DatabaseName, mode: Mode): void {
  modes.set(name, mode);
}

export function triesOf(name: DatabaseName): number {
  return tries.get(name) ?? 0;
}

export function paceBatches(turn: () => Promise<void>): void {
  pace.turn = turn;
}

/** Holds a batch until the object that sent it ends. */
export function holdBatch(number: number, moment: "before" | "after") {
  Object.assign(hold, { batches: 0, at: number, moment, reached: false });
  return { isReached: () => hold.reached };
}

/** Makes late insertions take effect, after their callers have timed out. */
export async function release(): Promise<void> {
  await Promise.all(late.splice(0).map((run) => run().catch(() => {})));
}

/** Binds databases besides the first, and makes all of them follow their modes. */
export function bindDatabases(...names: DatabaseName[]): void {
  vi.spyOn(console, "error").mockImplementation(() => {}); // each failure is logged, as expected
  for (const name of names) Object.assign(env, { [name]: DATABASES[name] });
  for (const name of Object.keys(DATABASES) as DatabaseName[]) watch(name);
}

/** Undoes everything, for the next test. */
export function unbindDatabases(): void {
  vi.restoreAllMocks();
  modes.clear();
  hold.at = Infinity;
  pace.turn = async () => {};
  tries.clear();
  late = [];
  env.CLOSED_DATABASES = "";
  for (const name of Object.keys(DATABASES) as DatabaseName[]) {
    if (name !== "DB") Reflect.deleteProperty(env, name);
    forgetFull(name);
  }
}

/** Forgets that databases are full, as a new isolate would or as after an hour. */
export function forgetFull(name: DatabaseName): void {
  noteFull(name, -Infinity);
}

function watch(name: DatabaseName): void {
  const database = DATABASES[name];
  const inserts = new WeakSet<object>();
  const prepare = database.prepare.bind(database);
  const batch = database.batch.bind(database);
  vi.spyOn(database, "prepare").mockImplementation((sql) => {
    if (modes.get(name) === "away") throw new Error("D1_ERROR: D1 is away");
    const statement = prepare(sql);
    const bind = statement.bind.bind(statement);
    return Object.assign(statement, {
      bind: (...values: unknown[]) => {
        const bound = bind(...values);
        if (sql.includes("INSERT INTO events")) inserts.add(bound);
        return bound;
      },
    });
  });
  vi.spyOn(database, "batch").mockImplementation(async (statements) => {
    await pace.turn();
    if (++hold.batches !== hold.at) {
      const sent = await Promise.allSettled([send(statements)]);
      await pace.turn();
      if (sent[0].status === "rejected") throw sent[0].reason;
      return sent[0].value;
    }
    const results = hold.moment === "after" ? await send(statements) : [];
    hold.reached = true;
    // Uses a flag and not a promise, because the object ends before it can continue.
    for (let turns = 0; turns < 500; turns++) await scheduler.wait(5);
    return results;
  });
  const send = async (statements: D1PreparedStatement[]): Promise<D1Result<never>[]> => {
    const mode = modes.get(name) ?? "ok";
    if (mode === "away") throw new Error("D1_ERROR: D1 is away");
    if (!statements.some((statement) => inserts.has(statement))) return batch(statements);
    tries.set(name, triesOf(name) + 1);
    if (mode === "full") throw new Error("D1_ERROR: Exceeded maximum DB size");
    if (mode === "late") late.push(() => batch(statements));
    if (mode === "lost") await batch(statements);
    if (mode !== "ok") throw new Error("D1_ERROR: Network connection lost");
    return batch(statements);
  };
}

/** A user whose log begins in this one of the bound databases. */
export function userOf(name: DatabaseName): string {
  for (;;) {
    const user = newUser();
    if (chooseDatabase({ ...env, CLOSED_DATABASES: "" }, user, 0) === name) return user;
  }
}

/** A user with some events, which are all in the first database. */
export async function userInFirst(count: number): Promise<string> {
  const user = userOf("DB");
  await record(user, ...events(count));
  await delivered(user);
  return user;
}

/** Updates of existing events, from number `from` on. */
export function updated(from: number, count = 1) {
  return events(count, from, { properties: { updated: true } });
}

/** Numbers of events with this revision, in the form of `found`. */
export function numbered(from: number, to: number, revision = 1): [seq: number, revision: number][] {
  return Array.from({ length: to - from + 1 }, (_, i) => [from + i, revision]);
}

/** Makes alarms go off until nothing is left to deliver. */
export async function settled(user: string): Promise<void> {
  for (let alarms = 0; alarms < 4 && (await pendingOf(user)) > 0; alarms++)
    await runDurableObjectAlarm(userLog(user)).catch(() => {});
  await delivered(user);
}

/** Rebuilds a database completely. */
export async function rebuilt(name: DatabaseName): Promise<void> {
  const { rebuild, error } = await rebuildDatabase(env, name, {
    restart: true,
    clock: () => Date.now(),
    until: Infinity,
  });
  if (rebuild.stage !== "done") throw new Error(`The rebuild ended at ${rebuild.stage}: ${error}`);
}

/** What a database has of a user, as [seq, revision], in the order of the log. */
export async function found(name: DatabaseName, user: string): Promise<[seq: number, revision: number][]> {
  const { results } = await DATABASES[name]
    .prepare("SELECT seq, revision FROM events WHERE user_id = ? ORDER BY generation, seq")
    .bind(user)
    .all<{ seq: number; revision: number }>();
  return results.map(({ seq, revision }) => [seq, revision]);
}

/** What each database should have of a user according to the log, and what it has, as texts that can be compared. */
export async function whereabouts(user: string): Promise<{ log: string; d1: string }> {
  const state = await stateOf(user);
  const page = await userLog(user).timeline({ order: "asc", limit: 500 });
  const inLog = (page?.events ?? []).toSorted((a, b) => a.seq - b.seq);
  const log: Answer = {};
  const d1: Answer = {};
  for (const name of Object.keys(DATABASES) as DatabaseName[]) {
    log[name] = inLog
      .filter(({ seq }) => databaseOf(state!, seq) === name)
      .map(({ seq, revision, properties }) => [state!.generation, seq, revision, properties]);
    const { results } = await DATABASES[name]
      .prepare("SELECT generation, seq, revision, properties FROM events WHERE user_id = ? ORDER BY generation, seq")
      .bind(user)
      .all<Answer>();
    d1[name] = results.map(({ generation, seq, revision, properties }) => [generation, seq, revision, properties]);
  }
  return { log: JSON.stringify(log), d1: JSON.stringify(d1) };
}
