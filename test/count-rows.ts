import { runInDurableObject } from "cloudflare:test";
import { vi } from "vitest";
import type { UserLog } from "../src/user/user-log.ts";
import { userLog } from "./tracklog.ts";

/**
 * Counts the rows that a user's object is billed for while something runs in it: those that SQL writes or reads, one
 * for each value that is put or deleted, and one for each alarm that is set.
 */
export function countRows(userId: string, run: (log: UserLog, state: DurableObjectState) => unknown) {
  return runInDurableObject(userLog(userId), async (log, state) => {
    const { storage } = state;
    const spies = {
      exec: vi.spyOn(storage.sql, "exec"),
      put: vi.spyOn(storage.kv, "put"),
      delete: vi.spyOn(storage.kv, "delete"),
      setAlarm: vi.spyOn(storage, "setAlarm"),
    };
    await run(log, state);
    const cursors = spies.exec.mock.results.map(({ value }) => value as SqlStorageCursor<never>);
    const values = spies.put.mock.calls.length + spies.delete.mock.calls.length;
    const alarms = spies.setAlarm.mock.calls.length;
    for (const spy of Object.values(spies)) spy.mockRestore();
    return {
      written: sum(cursors.map(({ rowsWritten }) => rowsWritten)) + values + alarms,
      read: sum(cursors.map(({ rowsRead }) => rowsRead)),
      statements: cursors.length,
      values,
      alarms,
    };
  });
}

function sum(counts: number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
