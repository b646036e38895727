import { describe, it } from "vitest";
import { findPostgres } from "../../bench/beside/postgres.ts";
import { startSystem, SYSTEM_NAMES } from "../../bench/beside/systems.ts";

describe("each system that Tracklog is compared with", () => {
  it.for(SYSTEM_NAMES)(
    "keeps the events that it has answered when it is killed: %s",
    async (name, { expect, skip }) => {
      skip(name === "node" && !findPostgres(), "PostgreSQL is not installed");
      const system = (await startSystem(name))!;
      try {
        const event = { event: "tested", user_id: "ada", timestamp: "2026-01-01T00:00:00Z", properties: { n: 1 } };
        const message = { type: "track", event: "tested", userId: "ada", messageId: "second", properties: { n: 2 } };
        const send = async (path: string, body: unknown) => {
          const headers = { "Content-Type": "application/json" };
          return (await fetch(new URL(path, system.url), { method: "POST", headers, body: JSON.stringify(body) }))
            .status;
        };
        expect(await send("/track", event)).toBe(200);
        expect(await send("/v1/batch", { batch: [message] })).toBe(200);
        // Tracklog's events reach D1 after the answer.
        await expect.poll(() => system.count(), { timeout: 10_000 }).toBe(2);
        await system.kill();
        await system.start();
        expect(await send("/track", event)).toBe(200);
        expect((await system.numbers()).sort((a, b) => a - b)).toEqual([1, 2]);
      } finally {
        await system.stop();
      }
    },
  );
});
