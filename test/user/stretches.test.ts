import { describe, it } from "vitest";
import { DAY_MS } from "../../src/d1/hour.ts";
import {
  continuedIn,
  databaseOf,
  databasesOf,
  sharedTimes,
  stretchesOf,
  withEventIn,
} from "../../src/user/stretches.ts";

const NOTHING = { backlog: [], packs: { first: 0, next: 0, keys: 0 } };

/** A log that went on in other databases, from some events on. */
function movedLog(stretches: [first: number, database: string][], until = -1) {
  const others = Object.fromEntries(stretches.map(([, name]) => [name, NOTHING]));
  const moved = { stretches: stretches.map(([first, database]) => ({ first, database })), others, moves: 1, until };
  return { database: stretches.at(-1)![1], moved };
}

describe("a log's stretches", () => {
  it("are one as long as it stays where it is", ({ expect }) => {
    const log = { database: "DB" };
    expect(stretchesOf(log)).toEqual([{ first: 1, database: "DB" }]);
    expect(databasesOf(log)).toEqual(["DB"]);
    expect([1, 9].map((seq) => databaseOf(log, seq))).toEqual(["DB", "DB"]);
  });

  it("tell of each event whose it is", ({ expect }) => {
    const log = movedLog([
      [1, "DB"],
      [4, "DB_1"],
      [5, "DB"],
    ]);
    expect([1, 3, 4, 5, 99].map((seq) => databaseOf(log, seq))).toEqual(["DB", "DB", "DB_1", "DB", "DB"]);
    expect(databasesOf(log)).toEqual(["DB", "DB_1"]);
  });

  it("are as few as can be when one event goes elsewhere, be it first, last or beside another such", ({ expect }) => {
    const places = ["DB", "DB", "DB", "DB", "DB"];
    let stretches = stretchesOf({ database: "DB" });
    for (const [seq, database] of [
      [3, "DB_1"],
      [4, "DB_1"],
      [1, "DB_1"],
      [2, "DB_2"],
      [2, "DB_1"],
      [5, "DB_1"],
      [3, "DB"],
    ] as const) {
      stretches = withEventIn(stretches, seq, database);
      places[seq - 1] = database;
      const log = { database: "DB", moved: { stretches, others: {}, moves: 1, until: -1 } };
      expect([1, 2, 3, 4, 5].map((number) => databaseOf(log, number))).toEqual(places);
      expect(databaseOf(log, 6)).toBe("DB");
      expect(stretches).toHaveLength([...places, "DB"].filter((place, i, all) => place !== all[i - 1]).length);
    }
  });

  it("end where all that comes goes elsewhere", ({ expect }) => {
    const before = movedLog([
      [1, "DB"],
      [4, "DB_1"],
      [7, "DB"],
    ]).moved.stretches;
    expect(continuedIn(before, 4, "DB_2")).toEqual([
      { first: 1, database: "DB" },
      { first: 4, database: "DB_2" },
    ]);
    expect(continuedIn(before, 9, "DB")).toEqual(before);
  });

  it("share the days up to the one of the latest event before the move", ({ expect }) => {
    const until = 10 * DAY_MS + 5;
    const times = [0, until, 11 * DAY_MS - 1, 11 * DAY_MS, 20 * DAY_MS];
    const log = movedLog([[1, "DB_1"]], until);
    expect(sharedTimes(log, times)).toEqual(times.slice(0, 3));
    expect(sharedTimes({ database: "DB" }, times)).toEqual([]);
    expect(sharedTimes(movedLog([[1, "DB_1"]], 10 * DAY_MS), [10 * DAY_MS, 11 * DAY_MS])).toEqual([10 * DAY_MS]);
  });
});
