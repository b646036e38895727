import { env, exports } from "cloudflare:workers";
import { evictDurableObject } from "cloudflare:test";
import { describe, it, vi } from "vitest";
import { liveOperations } from "../../src/openapi/operations/live.ts";
import { anEvent, newUser, requestWith, track } from "../tracklog.ts";
import { watch } from "./viewer.ts";

describe("a viewer", () => {
  it("sees each verdict with what is known about the event", async ({ expect }) => {
    const user = newUser();
    const viewer = await watch();
    const sent = anEvent({ user_id: user, properties: { plan: "free" } });
    await track(sent);
    const created = await viewer.verdictOf(user, "created");
    expect(created).toMatchObject({
      type: "verdict",
      event: "signed_up",
      key: null,
      path: "/track",
      timestamp: "2026-01-02T03:04:05.678Z",
      message_id: null,
      seq: 1,
      revision: 1,
      properties: { plan: "free" },
      context: {},
      log_ms: expect.any(Number),
      received_at: expect.stringMatching(/^20\d\d-.*Z$/),
    });
    await track(sent);
    expect(await viewer.verdictOf(user, "duplicate")).toMatchObject({ seq: 1, revision: 1 });
    viewer.socket.close();
  });

  it("sees what an update changed", async ({ expect }) => {
    const user = newUser();
    const viewer = await watch();
    await track(anEvent({ user_id: user, properties: { plan: "free", seats: 1 } }));
    await viewer.verdictOf(user, "created");
    await track(anEvent({ user_id: user, properties: { plan: "pro", seats: 1 }, context: { a: 1 } }));
    expect((await viewer.verdictOf(user, "updated"))["change"]).toEqual({
      properties: { plan: { before: "free", after: "pro" } },
      context: { a: { after: 1 } },
    });
    viewer.socket.close();
  });

  it("sees a rejected event with its faults and its body, and a request that cannot be read", async ({ expect }) => {
    const user = newUser();
    const viewer = await watch();
    await track([anEvent({ user_id: user, properties: [1] }), anEvent({ user_id: user })]);
    expect(await viewer.verdictOf(user, "rejected")).toMatchObject({
      event: "signed_up",
      errors: [{ pointer: "/properties", detail: expect.stringContaining("must be an object") }],
      body: { properties: [1] },
    });
    expect(await viewer.verdictOf(user, "created")).toMatchObject({ seq: 1 });
    await track("{");
    const broken = await vi.waitFor(() => {
      const found = viewer.verdicts().find((line) => line["verdict"] === "rejected" && line["user_id"] === null);
      expect(found).toBeDefined();
      return found!;
    });
    expect(broken["errors"][0].detail).toContain("is not valid JSON");
    viewer.socket.close();
  });

  it("is told when D1 has an event", async ({ expect }) => {
    const user = newUser();
    const viewer = await watch();
    await track(anEvent({ user_id: newUser() })); // from here on, the isolate knows that somebody watches
    await vi.waitFor(() => expect(viewer.verdicts()).not.toHaveLength(0), { timeout: 10_000 });
    await track(anEvent({ user_id: user }));
    const { id } = await viewer.verdictOf(user);
    await vi.waitFor(
      () =>
        expect(viewer.lines.filter((line) => line["id"] === id && line["type"] === "d1")).toEqual([
          { type: "d1", id, d1_ms: expect.any(Number) },
        ]),
      { timeout: 10_000 },
    );
    viewer.socket.close();
  });

  it("sees only what matches the filter, also after the filter changes", async ({ expect }) => {
    const [user, other] = [newUser(), newUser()];
    const viewer = await watch(`user_id=${encodeURIComponent(`"${user}"`)}`);
    await track([anEvent({ user_id: other }), anEvent({ user_id: `${user}x` }), anEvent({ user_id: user })]);
    await viewer.verdictOf(user);
    expect(viewer.verdicts()).toHaveLength(1);
    viewer.socket.send(JSON.stringify({ verdict: "duplicate,updated", text: "NEEDLE" }));
    const needle = { needle: 'a "quoted" one' };
    await track(anEvent({ user_id: user, properties: needle }));
    expect(await viewer.verdictOf(user, "updated")).toMatchObject({ properties: needle });
    viewer.socket.close();
  });

  it("keeps the filter while the object sleeps", async ({ expect }) => {
    const [user, other] = [newUser(), newUser()];
    const viewer = await watch("event=kept");
    await evictDurableObject(env.LIVE_VIEW.getByName("live"));
    await track([anEvent({ user_id: other }), anEvent({ user_id: user, event: "KEPT_it" })]);
    await viewer.verdictOf(user);
    expect(viewer.verdicts()).toHaveLength(1);
    viewer.socket.close();
  });

  it.for([
    ["no JSON", "x"],
    ["an array", "[]"],
    ["an unknown verdict", '{"verdict":"x"}'],
    ["an unknown field", '{"nothing":1}'],
    ["too long", `{"text":"${"x".repeat(5_000)}"}`],
  ] as const)("is cut off after a message that is no filter: %s", async ([, message], { expect }) => {
    const viewer = await watch();
    const closed = new Promise<CloseEvent>((resolve) => viewer.socket.addEventListener("close", resolve));
    viewer.socket.send(message);
    expect((await closed).code).toBe(1003);
  });
});

const open = (query: string) =>
  exports.default.fetch(`https://tracklog.test/live?${query}`, { headers: { Upgrade: "websocket" } });

describe("a ticket", () => {
  it("opens one socket, once", async ({ expect }) => {
    const { status, body } = await requestWith({}, "/live/ticket", { method: "POST" });
    expect(status).toBe(200);
    const first = await open(`ticket=${body["ticket"]}`);
    expect(first.status).toBe(101);
    first.webSocket!.accept();
    expect((await open(`ticket=${body["ticket"]}`)).status).toBe(401);
    first.webSocket!.close();
  });

  it("is too old after half a minute", async ({ expect }) => {
    const { body } = await requestWith({}, "/live/ticket", { method: "POST" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 31_000 });
    expect((await open(`ticket=${body["ticket"]}`)).status).toBe(401);
    vi.useRealTimers();
  });

  it.for(["", "ticket=", "ticket=nobodys"])("is needed: %s", async (query, { expect }) => {
    expect((await open(query)).status).toBe(401);
  });

  it("is given for a read key only", async ({ expect }) => {
    const settings = { WRITE_KEYS: "site:w1", READ_KEYS: "team:r1" };
    const ask = (key: string) =>
      requestWith(settings, "/live/ticket", { method: "POST", headers: { Authorization: `Bearer ${key}` } });
    expect((await ask("w1")).status).toBe(401);
    expect((await ask("r1")).status).toBe(200);
  });
});

describe("GET /live as lines", () => {
  it("shows each event in a line", async ({ expect }) => {
    const user = newUser();
    const response = await exports.default.fetch(`https://tracklog.test/live?user_id=${user}`);
    expect(response.headers.get("Content-Type")).toBe("application/x-ndjson");
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    await track(anEvent({ user_id: user }));
    let text = "";
    while (!text.includes('"verdict"')) text += (await reader.read()).value ?? "";
    const [line] = text.trim().split("\n");
    expect(JSON.parse(line!)).toMatchObject({ type: "verdict", verdict: "created", user_id: user });
    const [documented] = String(liveOperations[0]!.examples["lines"]!.answer).split("\n");
    const varying = ["d1_ms"]; // null if no row will reach D1
    const names = Object.keys(JSON.parse(line!) as object).filter((name) => !varying.includes(name));
    expect(names).toEqual(Object.keys(JSON.parse(documented!) as object));
    await reader.cancel();
    // Otherwise every past viewer would be sent events for ever.
    await vi.waitFor(async () => expect(await env.LIVE_VIEW.getByName("live").watching()).toBeNull(), {
      timeout: 10_000,
    });
  });

  it("refuses a filter that it does not know", async ({ expect }) => {
    const { status, body } = await requestWith({}, "/live?verdict=lost&sort=up");
    expect(status).toBe(400);
    expect(body["errors"]).toHaveLength(2);
  });
});

// Last, because the rest of its second has no room for anything else.
describe("a viewer of a flood", () => {
  it("gets no more than can be read in a second, and learns how much is left out", async ({ expect }) => {
    const user = newUser();
    const viewer = await watch(`user_id=${user}`);
    await track(Array.from({ length: 500 }, (_, i) => anEvent({ user_id: user, message_id: `${i}` })));
    const leftOut = () =>
      viewer.lines.filter(({ type }) => type === "left_out").reduce((sum, line) => sum + Number(line["events"]), 0);
    await vi.waitFor(() => expect(viewer.verdicts().length + leftOut()).toBe(500), { timeout: 10_000 });
    expect(leftOut()).toBeGreaterThan(0);
    viewer.socket.close();
  });
});
