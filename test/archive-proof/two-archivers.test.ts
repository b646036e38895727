import { afterAll, beforeAll, describe, it } from "vitest";
import { Deployment, type SentEvent, until } from "./deployment.ts";
import { compareWithLogs } from "./oracle.ts";

// The platform runs one object of a name at a time, and refuses late writes of an older one. This test is harsher. It
// has two that know nothing of each other, as if a second deployment had been given the same bucket and database.

const ROUNDS = 4;

let deployment: Deployment;

beforeAll(async () => {
  deployment = await Deployment.start();
});

afterAll(() => deployment.stop());

function event(round: number, n: number): SentEvent {
  // Each event is sent once, and updated in the next round.
  const timestamp = new Date(Date.UTC(2024, 0, 1 + (n % 4), 12, round, n)).toISOString();
  return { event: "did", user_id: `user-${n % 3}`, timestamp, properties: { n } };
}

describe("two archivers of the same database at once", () => {
  it("neither lose nor double an event", async ({ expect }) => {
    const numbers = Array.from({ length: 24 }, (_, n) => n);
    for (let round = 0; round < ROUNDS; round++) {
      await deployment.track(numbers.map((n) => event(round, n)));
      if (round > 0) await deployment.track(numbers.map((n) => ({ ...event(round - 1, n), properties: { again: n } })));
      await deployment.settled();
      await deployment.age();
      await Promise.all([deployment.archive(), deployment.runTwin(), deployment.archive(), deployment.runTwin()]);
      expect(await compareWithLogs(deployment)).toEqual([]);
    }
    await until("neither has anything left to do", async () => {
      await deployment.archiveAll();
      return deployment.runTwin();
    });
    expect(await compareWithLogs(deployment)).toEqual([]);
    const database = await deployment.server.database("DB");
    expect(await database.prepare("SELECT count(*) AS n FROM events").first("n")).toBe(0);
  });
});
