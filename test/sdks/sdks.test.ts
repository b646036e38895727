import { randomUUID } from "node:crypto";
import RudderAnalytics from "@rudderstack/rudder-sdk-node";
import { Analytics } from "@segment/analytics-node";
import { afterAll, beforeAll, describe, it, vi } from "vitest";
import { type Fault, startFaultyProxy } from "./faulty-proxy.ts";
import { type Row, startWorker, WRITE_KEY } from "./running-worker.ts";

/** A call as both SDKs take it. */
interface Call {
  userId: string;
  anonymousId?: string;
  event: string;
  properties: Record<string, string | number>;
  timestamp: Date;
  messageId?: string;
}

/** An SDK, unmodified: only its key and its host are ours. */
interface Client {
  track(call: Call): void;
  /** The calls that are no events. */
  describe(userId: string): void;
  /** Resolves when the SDK has done with all, delivered or given up. */
  flush(): Promise<unknown>;
  /** What the SDK reports as given up. */
  failures: unknown[];
}

const SDKS: { name: string; connect: (host: string) => Client }[] = [
  {
    name: "@segment/analytics-node",
    connect(host) {
      const failures: unknown[] = [];
      const sdk = new Analytics({ writeKey: WRITE_KEY, host });
      sdk.on("error", (error) => failures.push(error));
      return {
        track: (call) => sdk.track(call),
        describe(userId) {
          sdk.identify({ userId, traits: { plan: "pro" } });
          sdk.page({ userId, name: "Home" });
          sdk.screen({ userId, name: "Home" });
          sdk.group({ userId, groupId: "g1" });
          sdk.alias({ userId, previousId: "before" });
        },
        flush: () => sdk.closeAndFlush(),
        failures,
      };
    },
  },
  {
    name: "@rudderstack/rudder-sdk-node",
    connect(dataPlaneUrl) {
      const failures: unknown[] = [];
      const errorHandler = (error: unknown) => failures.push(error);
      const sdk = new RudderAnalytics(WRITE_KEY, { dataPlaneUrl, errorHandler, logLevel: "none" });
      return {
        track: (call) => sdk.track(call),
        describe(userId) {
          sdk.identify({ userId, traits: { plan: "pro" } });
          sdk.page({ userId, name: "Home" });
          sdk.screen({ userId, name: "Home" });
          sdk.group({ userId, groupId: "g1" });
          sdk.alias({ userId, previousId: "before" });
        },
        flush: () => sdk.flush(),
        failures,
      };
    },
  },
];

let worker: Awaited<ReturnType<typeof startWorker>>;
beforeAll(async () => {
  worker = await startWorker();
}, 30_000);
afterAll(() => worker.close());

/** Waits until D1 has as many rows of these users, and then some time for a row too many. */
async function rowsOf(users: string[], count: number): Promise<Row[]> {
  const rows = async () => (await worker.rows()).filter((row) => users.includes(row.user_id));
  await vi.waitUntil(async () => (await rows()).length >= count, { timeout: 10_000, interval: 50 });
  await new Promise((resolve) => setTimeout(resolve, 500));
  return rows();
}

function calls(users: string[], count: number): Call[] {
  return Array.from({ length: count }, (_, i) => ({
    userId: users[i % users.length]!,
    anonymousId: "anon-1",
    event: `step ${i}`,
    properties: { i },
    timestamp: new Date(Date.UTC(2026, 0, 2, 3, 4, 5, i)),
  }));
}

describe.for(SDKS)("$name, pointed at a running Worker", ({ connect }) => {
  it("brings every call to D1, once, as an event", async ({ expect }) => {
    const users = [randomUUID(), randomUUID(), randomUUID()];
    const client = connect(worker.url);
    for (const user of users) client.describe(user);
    for (const call of calls(users, 50)) client.track(call);
    await client.flush();
    expect(client.failures).toEqual([]);

    const rows = await rowsOf(users, 65);
    expect(rows).toHaveLength(65);
    expect(new Set(rows.map((row) => row.message_id)).size).toBe(65);
    for (const user of users) {
      // By time, since the SDKs have several batches under way at once.
      const all = rows.filter((row) => row.user_id === user).sort((a, b) => a.timestamp - b.timestamp);
      const own = all.filter((row) => row.event.startsWith("step "));
      const others = all.filter((row) => !own.includes(row)).map((row) => [row.event, JSON.parse(row.properties)]);
      expect(Object.fromEntries(others)).toMatchObject({
        identify: { plan: "pro" },
        page: { name: "Home" },
        screen: { name: "Home" },
        group: { group_id: "g1" },
        alias: { previous_id: "before" },
      });
      const expected = calls(users, 50).filter((call) => call.userId === user);
      expect(own.map((row) => [row.event, row.properties, row.timestamp])).toEqual(
        expected.map((call) => [call.event, JSON.stringify(call.properties), call.timestamp.getTime()]),
      );
      expect(own.every((row) => row.source === "site")).toBe(true);
      expect(JSON.parse(own[0]!.context)).toMatchObject({ anonymousId: "anon-1", library: {} });
    }
  });

  it("loses no good event to a bad one in the same batch", async ({ expect }) => {
    const user = randomUUID();
    const client = connect(worker.url);
    const [first, bad, last] = calls([user], 3);
    for (const call of [first!, { ...bad!, userId: "undefined" }, last!]) client.track(call);
    await client.flush();
    expect(client.failures).toEqual([]);
    expect((await rowsOf([user], 2)).map((row) => row.event)).toEqual(["step 0", "step 2"]);
  });

  it.for<Fault>(["503", "answer lost"])("sends it again after: %s, and it is there once", async (fault, { expect }) => {
    const user = randomUUID();
    const proxy = await startFaultyProxy(worker.url, fault);
    try {
      const client = connect(proxy.url);
      for (const call of calls([user], 5)) client.track({ ...call, messageId: `${fault} ${call.event}` });
      await client.flush();
      expect(client.failures).toEqual([]);

      const rows = await rowsOf([user], 5);
      expect(rows.map((row) => row.message_id).sort()).toEqual([0, 1, 2, 3, 4].map((i) => `${fault} step ${i}`));
      expect(proxy.statuses).toEqual([fault === "503" ? 503 : 200, ...proxy.statuses.slice(1).map(() => 200)]);
      expect(proxy.statuses.length).toBeGreaterThan(1); // the retry is the SDK's own
    } finally {
      proxy.close();
    }
  });
});
