import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, it } from "vitest";
import { currentWalk, saveWalk } from "../../src/d1/expiry-walk.ts";
import { WALK_PERIOD_MS } from "../../src/limits.ts";

function onDisk(test: (kv: SyncKvStorage) => void): Promise<void> {
  return runInDurableObject(env.D1_WRITER.getByName(crypto.randomUUID()), (_, { storage }) => test(storage.kv));
}

describe("a walk through a lane's users", () => {
  it("begins when logs are to let go of something, and never before", async ({ expect }) => {
    await onDisk((kv) => {
      expect(currentWalk(kv, null, 5)).toBeNull();
      expect(currentWalk(kv, 30, 6)).toEqual({ days: 30, begunAt: 6, after: "" });
    });
  });

  it("goes on where it was, and is over at its end for a while", async ({ expect }) => {
    await onDisk((kv) => {
      const walk = currentWalk(kv, 30, 5)!;
      saveWalk(kv, { ...walk, after: "ann" });
      expect(currentWalk(kv, 30, 6 + WALK_PERIOD_MS)).toEqual({ days: 30, begunAt: 5, after: "ann" });
      saveWalk(kv, { ...walk, after: null });
      expect(currentWalk(kv, 30, 4 + WALK_PERIOD_MS)).toBeNull();
      expect(currentWalk(kv, 30, 5 + WALK_PERIOD_MS)).toEqual({ days: 30, begunAt: 5 + WALK_PERIOD_MS, after: "" });
    });
  });

  it("begins anew with another setting, and ends where there is none any more", async ({ expect }) => {
    await onDisk((kv) => {
      saveWalk(kv, { ...currentWalk(kv, 30, 5)!, after: "ann" });
      expect(currentWalk(kv, 20, 6)).toEqual({ days: 20, begunAt: 6, after: "" });
      expect(currentWalk(kv, null, 7)).toBeNull();
      expect(currentWalk(kv, 20, 8)).toEqual({ days: 20, begunAt: 8, after: "" });
    });
  });
});
