import { describe, it } from "vitest";
import { medianOf } from "../../bench/spread.ts";

describe("a median's interval", () => {
  it("leaves out what a fair coin seldom reaches", ({ expect }) => {
    const values = Array.from({ length: 40 }, (_, index) => index);
    expect(medianOf(values)).toEqual({ median: 19.5, low: 13, high: 26 });
    expect(medianOf([2, 1, 3])).toEqual({ median: 2, low: 1, high: 3 });
  });
});
