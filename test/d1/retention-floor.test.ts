import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { raiseFloor, readFloor } from "../../src/d1/retention-floor.ts";
import { EXPIRY_INTERVAL_MS, FLOOR_MEMORY_MS, FLOOR_SETTLE_MS, MAX_FLOOR_AGE_MS } from "../../src/limits.ts";

const NOW = 1_800_000_000_000;

describe("the retention floor", () => {
  it("only allows deleting what was refused for an hour, and never falls", async ({ expect }) => {
    const name = `floor ${crypto.randomUUID()}`;
    await runInDurableObject(env.D1_WRITER.getByName(name), (_, { storage: { kv } }) => {
      expect(readFloor(kv)).toMatchObject({ refused: 0, deletable: 0 });
      expect(raiseFloor(kv, 100, NOW)).toMatchObject({ refused: 100, deletable: 0 });
      // This is too soon, because some isolates do not know the first floor yet.
      expect(raiseFloor(kv, 5_000, NOW + FLOOR_SETTLE_MS - 1)).toMatchObject({ refused: 100, deletable: 0 });
      expect(raiseFloor(kv, 5_000, NOW + FLOOR_SETTLE_MS)).toMatchObject({ refused: 5_000, deletable: 100 });
      // Now the setting is longer, and then the clock is set back.
      expect(raiseFloor(kv, 50, NOW + 2 * FLOOR_SETTLE_MS)).toMatchObject({ refused: 5_000, deletable: 5_000 });
      expect(raiseFloor(kv, 9_000, NOW)).toMatchObject({ refused: 5_000, deletable: 5_000 });
      expect(readFloor(kv)).toMatchObject({ refused: 5_000, deletable: 5_000 });
    });
  });

  it("is known to every isolate before anything is deleted, however old the isolate's memory is", ({ expect }) => {
    expect(FLOOR_MEMORY_MS).toBeLessThan(MAX_FLOOR_AGE_MS);
    expect(2 * MAX_FLOOR_AGE_MS).toBeLessThanOrEqual(FLOOR_SETTLE_MS);
    expect(FLOOR_SETTLE_MS).toBeLessThan(EXPIRY_INTERVAL_MS);
  });
});
