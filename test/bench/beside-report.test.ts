import { describe, it } from "vitest";
import type { Beside } from "../../bench/beside/beside.ts";
import { besideReport } from "../../bench/beside/beside-report.ts";
import { CLIENT_NAMES } from "../../bench/beside/retry-storm.ts";
import { SYSTEM_NAMES, type SystemName } from "../../bench/beside/systems.ts";
import { LOAD_NAMES } from "../../bench/loads.ts";

const SPREAD = { median: 1, min: 1, max: 1 };
const THROUGHPUT = { eventsPerSecond: SPREAD, p50Ms: SPREAD, p99Ms: SPREAD, ratio: SPREAD };
const OUTCOME = { events: 10, repeated: 4, lost: 0, doubled: 2 };

function each<Key extends string, Value>(keys: readonly Key[], value: Value): Record<Key, Value> {
  return Object.fromEntries(keys.map((key) => [key, value])) as Record<Key, Value>;
}

function besideOf(names: readonly SystemName[]): Beside {
  return {
    throughputs: each(LOAD_NAMES, each(SYSTEM_NAMES, THROUGHPUT)),
    storms: each(names, each(CLIENT_NAMES, OUTCOME)),
  };
}

describe("the report on other systems", () => {
  it("has a column for each system", ({ expect }) => {
    const report = besideReport(besideOf(SYSTEM_NAMES));
    expect(report).toContain("| Tracklog | `INSERT` into D1 in the request | Node and PostgreSQL |");
    expect(report).toContain("0 lost, 2 doubled of 10 (4 sent again)");
  });

  it("leaves PostgreSQL out if it is not installed, and says so in one line", ({ expect }) => {
    const lines = besideReport(besideOf(["tracklog", "direct"])).split("\n");
    const column = lines.filter((line) => line.includes("Node and PostgreSQL"));
    expect(column).toEqual([]);
    expect(lines.at(-1)).toBe("Node with PostgreSQL was left out, because `initdb` and `postgres` are not installed.");
  });
});
