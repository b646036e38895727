import { runInDurableObject } from "cloudflare:test";
import { describe, it, vi } from "vitest";
import { MAX_BACKLOG_ROW_BYTES } from "../../src/limits.ts";
import { Backlog } from "../../src/user/backlog.ts";
import type { EventKey } from "../../src/user/event-table.ts";
import { type LogState, ValueStore } from "../../src/user/stored-values.ts";
import { newUser, userLog } from "../tracklog.ts";

type Read = Parameters<Backlog["next"]>[0];

/** Sends everything, and returns how many rows that were. */
function drained(backlog: Backlog, read: Read): number {
  let sent = 0;
  for (let shipment = backlog.next(read, false); shipment; shipment = backlog.next(read, false)) {
    sent += shipment.rows.length;
    backlog.settle(shipment, []);
  }
  return sent;
}

/** A backlog with some events, which counts its reads from storage. */
function withBacklog<T>(run: (backlog: Backlog, read: Read) => T) {
  const reads = vi.fn<Read>(([timestamp]) => ({ row: `[${timestamp}]`, since: null }));
  return runInDurableObject(userLog(newUser()), (_, { storage }) =>
    run(new Backlog(new ValueStore(storage), "DB", 0), reads),
  ).then((value) => ({ value, reads: reads.mock.calls.length }));
}

/** Keys that fill a pack. */
function keys(from: number): EventKey[] {
  return Array.from({ length: 200 }, (_, i) => [from + i, "e".repeat(200), ""]);
}

/** Keys so long that 2,000 of them are too many for the log's state. */
function longKeys(from: number): EventKey[] {
  return Array.from({ length: 200 }, (_, i) => [from + i, "e".repeat(200), "m".repeat(128)]);
}

/** It is not known since when the seventh waits. */
const readSince: Read = ([timestamp]) => ({ row: "[]", since: timestamp === 7 ? null : 50 });

describe("a backlog in memory", () => {
  it("does not read rows from storage that it was given", async ({ expect }) => {
    const { value, reads } = await withBacklog((backlog, read) => {
      for (let i = 0; i < 10; i++) backlog.note([i, "e", ""], `[${i}]`, 0);
      return backlog.next(read, false)!.rows;
    });
    expect(value).toHaveLength(10);
    expect(reads).toBe(0);
  });

  it("frees its rows when D1 is away, and keeps rows again only when D1 is back", async ({ expect }) => {
    const { reads } = await withBacklog((backlog, read) => {
      backlog.note([1, "e", ""], "[1]", 0);
      backlog.releaseRows();
      backlog.note([2, "e", ""], "[2]", 0);
      const shipment = backlog.next(read, false)!;
      expect(shipment.rows).toEqual(["[1]", "[2]"]);
      backlog.settle(shipment, []);
      backlog.note([3, "e", ""], "[3]", 0);
      backlog.next(read, false);
    });
    expect(reads).toBe(2);
  });

  it("keeps at most as many bytes of rows as its bound", async ({ expect }) => {
    const { reads } = await withBacklog((backlog, read) => {
      const row = "x".repeat(MAX_BACKLOG_ROW_BYTES / 4);
      for (let i = 0; i < 6; i++) backlog.note([i, "e", ""], row, 0);
      for (let shipment = backlog.next(read, false); shipment; shipment = backlog.next(read, false))
        backlog.settle(shipment, []);
      expect(backlog.size).toBe(0);
    });
    expect(reads).toBe(2);
  });

  it("does not read rows from storage that a busy log has moved to packs", async ({ expect }) => {
    const { reads } = await withBacklog((backlog, read) => {
      const row = "x".repeat(MAX_BACKLOG_ROW_BYTES / 500);
      for (let round = 0; round < 5; round++) {
        for (const key of keys(round * 1_000)) backlog.note(key, row, 0);
        backlog.stored();
        for (const key of keys(round * 1_000).slice(0, 20)) backlog.note(key, row, 0); // these are updated before the pack is loaded
        backlog.settle(backlog.next(read, true)!, []);
        for (const key of keys(round * 1_000).slice(150, 160)) backlog.note(key, row, 0); // and these afterwards
        for (let shipment = backlog.next(read, false); shipment; shipment = backlog.next(read, false))
          backlog.settle(shipment, round === 0 ? [0] : []);
        backlog.retryRefused();
      }
      while (backlog.size > 0) backlog.settle(backlog.next(read, false)!, []);
    });
    expect(reads).toBe(0);
  });

  it("frees the rows of packs when D1 is away", async ({ expect }) => {
    const { value, reads } = await withBacklog((backlog, read) => {
      for (const key of keys(0)) backlog.note(key, "[]", 0);
      backlog.stored();
      for (const key of keys(1_000)) backlog.note(key, "[]", 0);
      backlog.stored();
      backlog.next(read, false); // the first pack is loaded, the second is not
      backlog.releaseRows();
      return drained(backlog, read);
    });
    expect(value).toBe(400);
    expect(reads).toBe(400);
  });

  it("drops expired events wherever they are", async ({ expect }) => {
    const { value } = await withBacklog((backlog, read) => {
      for (const from of [0, 1_000, 2_000]) {
        for (const key of keys(from)) backlog.note(key, "[]", 0);
        if (from < 2_000) backlog.stored();
      }
      backlog.next(read, false); // the first pack is loaded, the second is not, and the rest is not in a pack
      backlog.forget(2_100);
      return drained(backlog, read);
    });
    expect(value).toBe(100);
  });

  it("does not send refused rows again before it is time, however many there are", async ({ expect }) => {
    const { value } = await withBacklog((backlog, read) => {
      const sent: number[] = [];
      const everything = () => {
        let rows = 0;
        for (let shipments = 0; shipments < 50; shipments++) {
          const shipment = backlog.next(read, false);
          if (!shipment) break;
          rows += shipment.rows.length;
          const isRefused = (index: number) => shipment.entries[index]!.key[0] < 1_000;
          backlog.settle(shipment, [...shipment.rows.keys()].filter(isRefused));
          backlog.stored();
        }
        sent.push(rows);
      };
      for (const key of keys(0)) backlog.note(key, "[]", 0);
      backlog.stored();
      everything();
      for (const key of keys(1_000)) backlog.note(key, "[]", 0);
      backlog.stored();
      everything();
      backlog.retryRefused();
      everything();
      return { sent, size: backlog.size };
    });
    expect(value).toEqual({ sent: [200, 200, 200], size: 200 });
  });

  it("sends refused rows again that are newer than the packs", async ({ expect }) => {
    const { value } = await withBacklog((backlog, read) => {
      backlog.note([5_000, "e", ""], "[]", 0);
      backlog.settle(backlog.next(read, false)!, [0]);
      for (const from of [0, 1_000]) {
        for (const key of keys(from)) backlog.note(key, "[]", 0);
        backlog.stored();
      }
      backlog.retryRefused();
      return { rows: drained(backlog, read), size: backlog.size };
    });
    expect(value).toEqual({ rows: 401, size: 0 });
  });

  it.for(["kept in memory", "read from storage"])(
    "stops sending if D1 refuses more than the log's state can hold, and tries again when it is time: rows %s",
    async (rows, { expect }) => {
      const count = 2_000;
      const { value } = await withBacklog((backlog, read) => {
        const shipments: number[] = [];
        const everything = (refuses: boolean) => {
          let n = 0;
          for (let shipment = backlog.next(read, false); shipment && n < 200; shipment = backlog.next(read, false)) {
            n++;
            backlog.settle(shipment, refuses ? [...shipment.rows.keys()] : []);
            backlog.stored();
          }
          shipments.push(n);
        };
        for (let from = 0; from < count; from += 200) {
          for (const key of longKeys(from)) backlog.note(key, "[]", 0);
          backlog.stored();
        }
        if (rows === "read from storage") backlog.releaseRows();
        everything(true);
        everything(true);
        const { size } = backlog;
        backlog.retryRefused();
        everything(false);
        return { shipments, size, left: backlog.size };
      });
      expect(value).toMatchObject({ size: count, left: 0 });
      expect(value.shipments[0]).toBeLessThan(30);
      expect(value.shipments[1]).toBe(0);
    },
  );

  it("knows how long the first row of a shipment has waited", async ({ expect }) => {
    const { value } = await withBacklog((backlog) => {
      backlog.note([5, "e", ""], "[]", 300);
      backlog.note([6, "e", ""], "[]", 200);
      const first = backlog.next(readSince, false)!.since;
      backlog.settle(backlog.next(readSince, false)!, []);
      backlog.takeOver([7, "e", ""]);
      const unknown = backlog.next(readSince, false)!.since;
      backlog.takeOver([8, "e", ""]);
      return [first, unknown, backlog.next(readSince, false)!.since];
    });
    expect(value).toEqual([200, null, 50]);
  });

  it("skips a pack whose events have all been updated since, and sends the next packs", async ({ expect }) => {
    const { value } = await withBacklog((backlog, read) => {
      for (const key of keys(0)) backlog.note(key, "[]", 0);
      backlog.stored();
      for (const key of keys(1_000)) backlog.note(key, "[]", 0);
      backlog.stored();
      for (const key of keys(0)) backlog.note(key, "[]", 0);
      expect(backlog.stored()).toMatchObject({ packs: { first: 0, next: 3 } as LogState["packs"] });
      for (const key of keys(0)) backlog.note(key, "[]", 0); // nothing is left to send of the first and the third pack
      let sent = 0;
      for (let shipment = backlog.next(read, false); shipment; shipment = backlog.next(read, false)) {
        sent += shipment.rows.length;
        backlog.settle(shipment, []);
      }
      expect(backlog.size).toBe(0);
      return sent;
    });
    expect(value).toBe(400);
  });

  it("sends an event only once if it is updated while its pack is delivered", async ({ expect }) => {
    const { value } = await withBacklog((backlog, read) => {
      for (const key of keys(0)) backlog.note(key, "[]", 0);
      backlog.stored();
      backlog.settle(backlog.next(read, true)!, []); // half of the pack
      backlog.note(keys(150)[0]!, "[1]", 0);
      expect(backlog.size).toBe(100);
      return backlog.next(read, false)!.rows;
    });
    expect(value).toHaveLength(100);
    expect(value.at(-1)).toBe("[1]");
  });
});
