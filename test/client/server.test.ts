import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, it, onTestFinished, vi } from "vitest";
import { createClient, type Options } from "../../client/src/index.ts";
import { startWorker, WRITE_KEY } from "../sdks/running-worker.ts";
import { arrived, names } from "./arrived.ts";
import { startUnreliableServer } from "./unreliable-server.ts";

let worker: Awaited<ReturnType<typeof startWorker>>;
let server: Awaited<ReturnType<typeof startUnreliableServer>>;
beforeAll(async () => {
  worker = await startWorker();
  server = await startUnreliableServer(worker.url);
});
beforeEach(() => {
  server.requests.length = 0;
  server.control.fate = () => "forward";
});
afterAll(async () => {
  server.close();
  await worker.close();
});

function connect(options: Partial<Options> = {}) {
  const userId = `u-${randomUUID()}`;
  const drops: string[] = [];
  const client = createClient({
    url: server.url,
    key: WRITE_KEY,
    userId,
    onDrop: ({ event }, reason) => drops.push(`${event}: ${reason}`),
    ...options,
  });
  const track = (count: number, properties: Record<string, unknown> = {}) => {
    for (let i = 0; i < count; i++) client.track(`e${i}`, properties);
  };
  return { userId, client, drops, track };
}

describe("on a server, the client", () => {
  it("has delivered everything when flush returns, with its key in no address", async ({ expect }) => {
    const { userId, client, track } = connect();
    track(20);
    expect(await client.flush()).toBe(true);
    expect(server.requests).toMatchObject([
      { url: "/track", headers: { authorization: `Bearer ${WRITE_KEY}` }, status: 200 },
    ]);
    expect(await arrived(worker, userId, 20)).toEqual(names(20));
  });

  it("makes batches of no more than 500 events, and of half a megabyte", async ({ expect }) => {
    const many = connect();
    many.track(900);
    expect(await many.client.flush()).toBe(true);
    expect(server.requests.map(({ ids }) => ids.length)).toEqual([500, 400]);

    server.requests.length = 0;
    const large = connect();
    large.track(20, { filler: "é".repeat(25_000) }); // 50 KB each
    expect(await large.client.flush()).toBe(true);
    expect(server.requests.map(({ ids }) => ids.length)).toEqual([9, 9, 2]);
    expect(await arrived(worker, large.userId, 20)).toEqual(names(20));
  });

  it("sends without being asked to, and lets a process end that has nothing left", async ({ expect }) => {
    const userId = `u-${randomUUID()}`;
    server.control.fate = () => (server.requests.length === 1 ? { status: 503 } : "forward");
    const child = run(userId, "once");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(await arrived(worker, userId, 1)).toEqual(["e0"]);
  });

  it.for(["an unanswered request", "a 503", "a lost answer"] as const)(
    "delivers everything after SIGTERM in mid-flush, through %s",
    async (trouble, { expect }) => {
      const userId = `u-${randomUUID()}`;
      const isInTrouble = Promise.withResolvers<void>();
      const isTold = Promise.withResolvers<void>();
      server.control.fate = async () => {
        if (server.requests.length !== 2) return "forward";
        isInTrouble.resolve();
        await isTold.promise;
        if (trouble === "an unanswered request") return "forward";
        return trouble === "a 503" ? { status: 503 } : "lose the answer";
      };
      const child = run(userId);
      const said = text(child.stdout);
      await isInTrouble.promise;
      child.kill("SIGTERM");
      isTold.resolve();
      expect(await once(child, "exit")).toEqual([0, null]);
      const { tracked, isDelivered } = JSON.parse(await said) as { tracked: number; isDelivered: boolean };
      expect(isDelivered).toBe(true);
      expect(await arrived(worker, userId, tracked)).toEqual(names(tracked));
    },
  );

  it("keeps no process alive after a shutdown that could not wait", async ({ expect }) => {
    const userId = `u-${randomUUID()}`;
    const isInTrouble = Promise.withResolvers<void>();
    server.control.fate = () => {
      isInTrouble.resolve();
      return { status: 503, headers: { "Retry-After": "3600" } };
    };
    const child = run(userId, "hasty");
    const said = text(child.stdout);
    await isInTrouble.promise;
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
    const { tracked, isDelivered, dropped } = JSON.parse(await said) as Record<string, unknown>;
    expect({ isDelivered, dropped }).toEqual({ isDelivered: false, dropped: tracked });
  });

  it("accepts no more than its queue holds, and reports each event that it drops", async ({ expect }) => {
    const { userId, client, drops, track } = connect({ maxQueueEvents: 30 });
    track(32);
    expect(drops).toEqual(["e30: full", "e31: full"]);
    expect(client.dropped).toBe(2);
    expect(await client.flush()).toBe(true);
    client.track("again", {});
    expect(await client.flush()).toBe(true);
    expect(await arrived(worker, userId, 31)).toEqual(["again", ...names(30)]);
  });

  it("gives up after its time limit, and reports what it could not deliver", async ({ expect }) => {
    server.control.fate = () => "hang";
    const { client, drops, track } = connect();
    track(3);
    expect(await client.flush(50)).toBe(false);
    expect(drops).toEqual([]);
    expect(await client.shutdown(50)).toBe(false);
    client.track("too late", {});
    expect(drops).toEqual(["e0: closed", "e1: closed", "e2: closed", "too late: closed"]);
  });

  it("survives properties that JSON cannot hold, and callbacks that throw", async ({ expect }) => {
    const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const { userId, client } = connect({
      onDrop: () => {
        throw new Error("a bug");
      },
    });
    client.track("circle", circle);
    client.track("good", {});
    expect(client.dropped).toBe(1);
    expect(await client.flush()).toBe(true);
    expect(await arrived(worker, userId, 1)).toEqual(["good"]);
    expect(complaints).toHaveBeenCalledOnce();
    complaints.mockRestore();
  });

  it("does not take an answer that is not Tracklog's for a receipt", async ({ expect }) => {
    server.control.fate = () => (server.requests.length === 1 ? { status: 200, body: "<h1>Sign in</h1>" } : "forward");
    const { userId, client, track } = connect();
    track(3);
    expect(await client.flush()).toBe(true);
    expect(await arrived(worker, userId, 3)).toEqual(names(3));
  });

  it("waits until the date that Retry-After names", async ({ expect }) => {
    const failures: (number | null)[] = [];
    const inTenMinutes = new Date(Date.now() + 600_000).toUTCString();
    server.control.fate = () => ({ status: 503, headers: { "Retry-After": inTenMinutes } });
    const { client, track } = connect({ onFailure: ({ retryInMs }) => failures.push(retryInMs) });
    track(1);
    expect(await client.flush(1_000)).toBe(false);
    expect(failures).toHaveLength(1);
    expect(failures[0]).toBeGreaterThan(590_000);
    await client.shutdown(1);
  });
});

function run(userId: string, ...mode: string[]) {
  const script = new URL("mortal-process.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, server.url, WRITE_KEY, userId, ...mode], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL")); // a process that hangs must not outlive the test
  return child;
}
