import { describe, it } from "vitest";
import { medianOf } from "../../bench/spread.ts";

describe("a median's interval", () => {
  it("is that of the sign test, and has all values if there are few", ({ expect }) => {
    const values = Array.from({ length: 40 }, (_, index) => index);
    expect(medianOf(values)).toEqual({ median: 19.5, low: 13, high: 26 });
    expect(medianOf([2, 1, 3])).toEqual({ median: 2, low: 1, high: 3 });
  });
});
