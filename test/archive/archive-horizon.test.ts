import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { expiredBefore, horizonOf, keptDays } from "../../src/archive/archive-horizon.ts";
import { MIN_HOT_DAYS } from "../../src/limits.ts";

const NOON = Date.UTC(2026, 5, 15, 12);

describe("the archive's horizon", () => {
  it("is D1_DAYS before the beginning of the day, and allows for events that were dated ahead", async ({ expect }) => {
    const horizon = await horizonOf({ ...env, D1_DAYS: "30" }, env.DB, NOON);
    expect(horizon).toEqual({
      cutoff: Date.UTC(2026, 4, 16),
      writtenBefore: Date.UTC(2026, 4, 15),
    });
    expect(await horizonOf({ ...env, D1_DAYS: "" }, env.DB, NOON)).toBeNull();
  });

  it("keeps whole days in the archive, for a day longer than RETENTION_DAYS", ({ expect }) => {
    expect(expiredBefore({ ...env, RETENTION_DAYS: "100" }, NOON)).toBe("2026-03-06");
    expect(expiredBefore({ ...env, RETENTION_DAYS: "" }, NOON)).toBe("");
  });

  it.for([
    [30, 0.1, 30],
    [30, 0.71, 15],
    [1, 0.71, MIN_HOT_DAYS],
    [30, 0.86, MIN_HOT_DAYS],
  ] as const)("of %i days, in a database that is filled by %d: after %d", ([days, share, kept], { expect }) => {
    expect(keptDays(days, share)).toBe(kept);
  });
});
