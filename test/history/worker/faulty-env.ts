import { failIfFull, throughFaults } from "./faults.ts";

type Aborter = Pick<DurableObjectState, "abort"> | null;

type HistoryEnv = Env & { ARCHIVE: R2Bucket };

/**
 * The same bindings, but D1 and R2 can be made to fail.
 *
 * @param object the object that has these bindings; null for the Worker
 */
export function faultyEnv(env: Env, object: Aborter): Env {
  const databases = Object.entries(env).filter(([name]) => /^DB(_\d+)?$/.test(name)) as [string, D1Database][];
  const faulty = databases.map(([name, database]) => [name, faultyDatabase(name, database, object)]);
  const { ARCHIVE } = env as HistoryEnv;
  return { ...env, ...Object.fromEntries(faulty), ARCHIVE: faultyBucket(ARCHIVE, object) } as Env;
}

/** The real statement of each faulty one, because D1 accepts only real statements in a batch. */
const realOf = new WeakMap<object, D1PreparedStatement>();
/** Those that store events: a full database still removes. */
const storing = new WeakSet<object>();
const STORES = /INSERT INTO events\b/;

function faultyDatabase(name: string, database: D1Database, object: Aborter): D1Database {
  const wrap = (real: D1PreparedStatement, isStoring: boolean): D1PreparedStatement => {
    const through = <T>(call: () => Promise<T>) =>
      throughFaults("d1", object, async () => {
        if (isStoring) failIfFull(name);
        return call();
      });
    const wrapped = {
      bind: (...values: unknown[]) => wrap(real.bind(...values), isStoring),
      first: (...column: [string]) => through(() => real.first(...column)),
      run: () => through(() => real.run()),
      all: () => through(() => real.all()),
    };
    realOf.set(wrapped, real);
    if (isStoring) storing.add(wrapped);
    return wrapped as unknown as D1PreparedStatement;
  };
  return {
    prepare: (sql: string) => wrap(database.prepare(sql), STORES.test(sql)),
    batch: (statements: D1PreparedStatement[]) =>
      throughFaults("d1", object, async () => {
        if (statements.some((statement) => storing.has(statement))) failIfFull(name);
        return database.batch(statements.map((statement) => realOf.get(statement)!));
      }),
  } as unknown as D1Database;
}

function faultyBucket(bucket: R2Bucket, object: Aborter): R2Bucket {
  const through =
    <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) =>
    (...args: Args) =>
      throughFaults("r2", object, () => call(...args));
  return {
    head: through(bucket.head.bind(bucket)),
    get: through(bucket.get.bind(bucket) as (...args: unknown[]) => Promise<unknown>),
    put: through(bucket.put.bind(bucket) as (...args: unknown[]) => Promise<unknown>),
    delete: through(bucket.delete.bind(bucket)),
    list: through(bucket.list.bind(bucket)),
  } as unknown as R2Bucket;
}
