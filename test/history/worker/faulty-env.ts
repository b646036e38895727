import { throughFaults } from "./faults.ts";

type Aborter = Pick<DurableObjectState, "abort"> | null;

type HistoryEnv = Env & { ARCHIVE: R2Bucket };

/**
 * The same bindings, but D1 and R2 can be made to fail.
 *
 * @param object the object that has these bindings; null for the Worker
 */
export function faultyEnv(env: Env, object: Aborter): Env {
  const databases = Object.entries(env).filter(([name]) => /^DB(_\d+)?$/.test(name)) as [string, D1Database][];
  const faulty = databases.map(([name, database]) => [name, faultyDatabase(database, object)]);
  const { ARCHIVE } = env as HistoryEnv;
  return { ...env, ...Object.fromEntries(faulty), ARCHIVE: faultyBucket(ARCHIVE, object) } as Env;
}

/** The real statement of each faulty one, because D1 accepts only real statements in a batch. */
const realOf = new WeakMap<object, D1PreparedStatement>();

function faultyDatabase(database: D1Database, object: Aborter): D1Database {
  const wrap = (real: D1PreparedStatement): D1PreparedStatement => {
    const wrapped = {
      bind: (...values: unknown[]) => wrap(real.bind(...values)),
      first: (...column: [string]) => throughFaults("d1", object, () => real.first(...column)),
      run: () => throughFaults("d1", object, () => real.run()),
      all: () => throughFaults("d1", object, () => real.all()),
    };
    realOf.set(wrapped, real);
    return wrapped as unknown as D1PreparedStatement;
  };
  return {
    prepare: (sql: string) => wrap(database.prepare(sql)),
    batch: (statements: D1PreparedStatement[]) =>
      throughFaults("d1", object, () => database.batch(statements.map((statement) => realOf.get(statement)!))),
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
