import { describe, it } from "vitest";
import { liveCostReport, measureLiveCost } from "../../bench/live-cost.ts";

describe("the cost of the live view", () => {
  it("is measured in blocks that take turns, with one viewer", async ({ expect }) => {
    const cost = await measureLiveCost(2, 32, 16);
    expect(cost.seen + cost.leftOut).toBeGreaterThan(0);
    for (const { clock, cpu } of [cost.unwatched, cost.watched, cost.tallied]) {
      expect(clock.median).toBeGreaterThan(0);
      expect(cpu.median).toBeGreaterThan(0);
    }
    expect(liveCostReport(cost)).not.toContain("NaN");
  });
});
