import { describe, it } from "vitest";
import { ceilTo, DAY_MS, dayOf, floorTo, HOUR_MS } from "../../src/d1/hour.ts";

describe("a span of time", () => {
  const noon = Date.UTC(2024, 1, 29, 12);

  it("begins with the hour or the day of UTC, and ends with the next one's beginning", ({ expect }) => {
    expect([noon, noon + 1, noon + HOUR_MS - 1].map((time) => floorTo(HOUR_MS, time))).toEqual([noon, noon, noon]);
    expect([noon - HOUR_MS + 1, noon - 1, noon].map((time) => ceilTo(HOUR_MS, time))).toEqual([noon, noon, noon]);
    expect(ceilTo(HOUR_MS, noon + 1)).toBe(noon + HOUR_MS);
    expect(floorTo(DAY_MS, noon)).toBe(noon - 12 * HOUR_MS);
    expect(floorTo(DAY_MS, 0)).toBe(0);
  });

  it("is named by its day", ({ expect }) => {
    expect([noon, noon + 12 * HOUR_MS - 1, noon + 12 * HOUR_MS].map(dayOf)).toEqual([
      "2024-02-29",
      "2024-02-29",
      "2024-03-01",
    ]);
  });
});
