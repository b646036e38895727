import type { Counts } from "../../counts.ts";

const total: Counts = {
  objectCalls: 0,
  writerCalls: 0,
  setAlarms: 0,
  keyValueWrites: 0,
  keyValueReads: 0,
  sqlStatements: 0,
  objectRowsWritten: 0,
  objectRowsRead: 0,
  d1Calls: 0,
  d1RowsWritten: 0,
  d1RowsRead: 0,
};

/** A cursor's counts rise while it is read, so they are read only when somebody requests the counts. */
let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];

export function counts(): Counts {
  for (const cursor of cursors) {
    total.objectRowsWritten += cursor.rowsWritten;
    total.objectRowsRead += cursor.rowsRead;
  }
  cursors = [];
  return total;
}

/** Counts every call of a class's methods. */
export function countCalls(exported: { prototype: object }, isWriter: boolean): void {
  for (const name of Object.getOwnPropertyNames(exported.prototype))
    if (name !== "constructor")
      wrap(exported.prototype, name, (result) => {
        total.objectCalls++;
        if (isWriter) total.writerCalls++;
        return result;
      });
}

/** Counts in the runtime's own classes, so that the calls of all objects of the Worker are counted. */
export function countStorage(storage: DurableObjectStorage): void {
  const storageClass = Object.getPrototypeOf(storage) as object;
  wrap(storageClass, "setAlarm", (result) => {
    total.setAlarms++;
    total.objectRowsWritten++;
    return result;
  });
  const keyValueClass = Object.getPrototypeOf(storage.kv) as object;
  for (const name of ["put", "delete"])
    wrap(keyValueClass, name, (result) => {
      total.keyValueWrites++;
      total.objectRowsWritten++;
      return result;
    });
  wrap(keyValueClass, "get", (result) => {
    total.keyValueReads++;
    total.objectRowsRead++;
    return result;
  });
  wrap(Object.getPrototypeOf(storage.sql) as object, "exec", (cursor) => {
    total.sqlStatements++;
    cursors.push(cursor as (typeof cursors)[number]);
    return cursor;
  });
}

export function countD1(database: D1Database): void {
  wrap(Object.getPrototypeOf(database) as object, "batch", async (results) => {
    countRoundTrip(await (results as Promise<D1Result[]>));
    return results;
  });
  const statementClass = Object.getPrototypeOf(database.prepare("SELECT 1")) as object;
  for (const name of ["run", "all"])
    wrap(statementClass, name, async (result) => {
      countRoundTrip([await (result as Promise<D1Result>)]);
      return result;
    });
}

function countRoundTrip(results: readonly D1Result[]): void {
  total.d1Calls++;
  for (const { meta } of results) {
    total.d1RowsWritten += meta.rows_written;
    total.d1RowsRead += meta.rows_read;
  }
}

function wrap(owner: object, name: string, counted: (result: unknown) => unknown): void {
  const { value } = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  if (typeof value !== "function") return;
  const method = value as (this: unknown, ...args: unknown[]) => unknown;
  Object.defineProperty(owner, name, {
    configurable: true,
    value(this: unknown, ...args: unknown[]) {
      return counted(method.apply(this, args));
    },
  });
}
