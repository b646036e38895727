import type { Fault } from "../fault.ts";

const LATE_MS = 900;

let fault: Fault = { at: 0, mode: "fail before" };
let steps: string[] = [];

export function setFault(next: Fault): void {
  fault = next;
  steps = [];
}

/** The names of the steps since the fault was set. */
export function stepsTaken(): string[] {
  return steps;
}

/** The same bindings, but each call is a step that may have a fault. */
export function faultyEnv(env: Env, ctx: DurableObjectState): Env {
  const bindings = Object.entries(env).map(([name, binding]) => {
    if (/^DB(_\d+)?$/.test(name)) return [name, faultyDatabase(binding as D1Database, ctx)];
    if (name === "ARCHIVE") return [name, faultyBucket(binding as R2Bucket, ctx)];
    return [name, binding as unknown];
  });
  const faulty = Object.fromEntries(bindings) as Env;
  return Object.defineProperty(faulty, "RETENTION_DAYS", { get: () => fault.retentionDays ?? "" });
}

function faultyBucket(bucket: R2Bucket, ctx: DurableObjectState): R2Bucket {
  const calls = ["get", "head", "put", "list", "delete"] as const;
  const faulty = calls.map((name) => {
    const call = (bucket[name] as (...args: unknown[]) => Promise<unknown>).bind(bucket);
    return [name, (...args: unknown[]) => step(ctx, `R2 ${name}`, () => call(...args))];
  });
  return Object.fromEntries(faulty) as R2Bucket;
}

function faultyDatabase(database: D1Database, ctx: DurableObjectState): D1Database {
  const real = new WeakMap<object, D1PreparedStatement>();
  const faultyStatement = (statement: D1PreparedStatement, verb: string): D1PreparedStatement => {
    const faulty = {
      bind: (...values: unknown[]) => faultyStatement(statement.bind(...values), verb),
      first: () => step(ctx, `D1 ${verb}`, () => statement.first()),
      all: () => step(ctx, `D1 ${verb}`, () => statement.all()),
      run: () => step(ctx, `D1 ${verb}`, () => statement.run()),
    } as unknown as D1PreparedStatement;
    real.set(faulty, statement);
    return faulty;
  };
  return {
    prepare: (sql: string) => faultyStatement(database.prepare(sql), /\w+/.exec(sql)![0]),
    batch: (statements: D1PreparedStatement[]) =>
      step(ctx, "D1 batch", () => database.batch(statements.map((statement) => real.get(statement)!))),
  } as unknown as D1Database;
}

async function step<T>(ctx: DurableObjectState, name: string, call: () => Promise<T>): Promise<T> {
  const number = steps.push(name);
  const { at, mode, times = 1 } = fault;
  if (at === 0 || number < at || number >= at + times) return call();
  if (mode === "crash before") return crash(ctx);
  if (mode === "fail before") throw new Error(`${name} failed, as it was told to`);
  if (mode === "late") {
    await scheduler.wait(LATE_MS);
    await call();
    return new Promise(() => {});
  }
  await call();
  if (mode === "crash after") return crash(ctx, false);
  if (mode === "fail after") throw new Error(`${name} was not answered, as it was told to`);
  return new Promise(() => {});
}

async function crash(ctx: DurableObjectState, isSynced = true): Promise<never> {
  if (isSynced) await ctx.storage.sync();
  ctx.abort("a crash, as it was told to");
  return new Promise(() => {});
}
