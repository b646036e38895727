import { describe, it } from "vitest";
import type { JsonObject } from "../../src/event/json.ts";
import { messageParser } from "../../src/event/segment-message.ts";
import { formatTimestamp } from "../../src/event/timestamp.ts";
import { SDK_REQUESTS } from "../fixtures/sdk-requests.ts";

const NOW = Date.parse("2026-11-20T12:00:00.000Z");
const TIME = "2026-11-20T10:00:00.000Z";

/** A message as a batch holds it, with the given fields changed. */
function aMessage(changes: JsonObject = {}): JsonObject {
  return { type: "track", event: "clicked", userId: "u1", timestamp: TIME, ...changes };
}

function parse(message: unknown, envelope: JsonObject = {}) {
  // The path says what a message is that came alone.
  const isAlone = message === envelope;
  return messageParser({ envelope, now: NOW, nonce: "n", ...(isAlone && { call: "track" }) })(message);
}

function eventOf(message: unknown, envelope?: JsonObject) {
  const parsed = parse(message, envelope);
  if (!parsed.ok) throw new Error(`no event: ${JSON.stringify(parsed)}`);
  return parsed.event;
}

function faultsOf(message: unknown, envelope?: JsonObject) {
  const parsed = parse(message, envelope);
  return parsed.ok ? parsed : parsed.faults;
}

describe("what real SDKs send", () => {
  it.for(SDK_REQUESTS)("$client", ({ body, expected }, { expect }) => {
    const [message] = (body["batch"] as unknown[] | undefined) ?? [body];
    const { properties, context, timestamp, ...event } = eventOf(message, body);
    expect(event).toEqual({
      event: "Order Completed",
      userId: expected.userId,
      messageId: expected.messageId,
      enrichment: "",
      hasOwnId: true,
      hasOwnTime: expected.timestamp !== null,
      profile: {},
    });
    expect(formatTimestamp(timestamp)).toBe(expected.timestamp ?? formatTimestamp(NOW));
    expect(JSON.parse(properties)).toEqual(expected.properties);
    expect(JSON.parse(context)).toEqual(expected.context);
  });
});

describe("who did it", () => {
  it.for([
    ["userId", { userId: "u1", anonymousId: "a1" }, "u1", { anonymousId: "a1" }],
    ["userId alone", { userId: "u1" }, "u1", {}],
    ["anonymousId, if there is no userId", { userId: undefined, anonymousId: "a1" }, "a1", {}],
    ["anonymousId, if userId is null", { userId: null, anonymousId: "a1" }, "a1", {}],
    ["anonymousId, if userId is empty", { userId: "", anonymousId: "a1" }, "a1", {}],
    ["userId, if anonymousId is empty", { userId: "u1", anonymousId: "" }, "u1", {}],
    ["a number as text", { userId: 42, anonymousId: 43 }, "42", { anonymousId: "43" }],
    ["zero as text", { userId: 0, anonymousId: "a1" }, "0", { anonymousId: "a1" }],
    [
      "userId, and the context's own anonymousId stays",
      { userId: "u1", anonymousId: "a1", context: { anonymousId: "mine" } },
      "u1",
      { anonymousId: "mine" },
    ],
  ] as const)("%s", ([, ids, userId, context], { expect }) => {
    const event = eventOf(aMessage(ids));
    expect(event.userId).toBe(userId);
    expect(JSON.parse(event.context)).toEqual(context);
  });

  it("is a fault if it is missing, under the client's name for the field", ({ expect }) => {
    expect(faultsOf(aMessage({ userId: undefined }))).toEqual([{ pointer: "/userId", detail: "is required" }]);
    expect(faultsOf(aMessage({ userId: "", anonymousId: "" }))).toEqual([{ pointer: "/userId", detail: "is empty" }]);
    expect(faultsOf(aMessage({ userId: "undefined" }))).toMatchObject([{ pointer: "/userId" }]);
    expect(faultsOf(aMessage({ userId: "", anonymousId: "null" }))).toMatchObject([{ pointer: "/anonymousId" }]);
    expect(faultsOf(aMessage({ userId: ["u1"], anonymousId: "a1" }))).toMatchObject([{ pointer: "/userId" }]);
    expect(faultsOf(aMessage({ userId: "u".repeat(257) }))).toMatchObject([
      { pointer: "/userId", limit: 256, actual: 257 },
    ]);
  });

  it("refuses a number that JSON does not carry exactly: two people could become one", ({ expect }) => {
    expect(faultsOf(aMessage({ userId: JSON.parse("12345678901234567890") as number }))).toMatchObject([
      { pointer: "/userId", detail: "must be a string, not a number" },
    ]);
  });
});

describe("what happened", () => {
  it.for(["track", "Track", "TRACK", " track "])("is a track if the type is %j", (type, { expect }) => {
    expect(eventOf(aMessage({ type }))).toEqual(eventOf(aMessage()));
  });

  it.for([undefined, null, "", "trak", "merge", 1, ["track"], "constructor"])(
    "is refused with the known types if the type is %j",
    (type, { expect }) => {
      expect(faultsOf(aMessage({ type }))).toEqual([
        { pointer: "/type", detail: "must be one of track, identify, page, screen, group, alias" },
      ]);
    },
  );

  it("is an event of any type if the message came alone", ({ expect }) => {
    for (const type of [undefined, "track", "identify"]) {
      const alone = aMessage({ type });
      expect(eventOf(alone, alone)).toMatchObject({ event: "clicked", userId: "u1" });
    }
  });

  it("drops the protocol's fields that are not stored, and refuses none", ({ expect }) => {
    const fields = { integrations: { All: true }, _metadata: {}, channel: "web", writeKey: "k", sentAt: TIME, foo: 1 };
    expect(eventOf(aMessage(fields))).toEqual(eventOf(aMessage()));
  });

  it.for([undefined, null, []])("has no properties and no context if they are %j", (nothing, { expect }) => {
    expect(eventOf(aMessage({ properties: nothing, context: nothing }))).toMatchObject({
      properties: "{}",
      context: "{}",
    });
  });

  it("keeps a numeric messageId as text, and refuses one that is too long instead of cutting it", ({ expect }) => {
    expect(eventOf(aMessage({ messageId: 7 })).messageId).toBe("7");
    expect(eventOf(aMessage({ messageId: "m".repeat(128) })).messageId).toHaveLength(128);
    expect(faultsOf(aMessage({ messageId: "m".repeat(129) }))).toMatchObject([
      { pointer: "/messageId", limit: 128, actual: 129 },
    ]);
  });

  it("comes with all its faults", ({ expect }) => {
    const message = { type: "track", properties: [1], context: "x", timestamp: true, messageId: {} };
    const pointers = (faultsOf(message) as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers.sort()).toEqual(["/context", "/event", "/messageId", "/properties", "/userId"]);
    expect(faultsOf(aMessage({ event: undefined }))).toEqual([{ pointer: "/event", detail: "is required" }]);
  });

  it.for([[null], ["track"], [[]]])("is not an event if a message is %j", ([message], { expect }) => {
    expect(faultsOf(message)).toEqual([
      { pointer: "", detail: expect.stringMatching(/^must be a JSON object, not /) as string },
    ]);
  });

  it("keeps context keys that are named like properties of a prototype", ({ expect }) => {
    const context = JSON.parse('{"__proto__":{"x":1},"constructor":2}') as JsonObject;
    const { context: kept } = eventOf(aMessage({ context, anonymousId: "a1" }));
    expect(kept).toBe('{"__proto__":{"x":1},"constructor":2,"anonymousId":"a1"}');
  });

  it("keeps the batch's context in every message, but the message's own keys win", ({ expect }) => {
    const envelope = { context: { tenant: "acme", library: "batch" }, integrations: { All: false } };
    const message = aMessage({ context: { library: "own" } });
    expect(JSON.parse(eventOf(message, envelope).context)).toEqual({ tenant: "acme", library: "own" });
    expect(JSON.parse(eventOf(aMessage(), envelope).context)).toEqual(envelope.context);
    for (const context of [[], null, "x", 1]) expect(eventOf(aMessage(), { context }).context).toBe("{}");
  });

  it("is too large if the batch's context makes it so", ({ expect }) => {
    const envelope = { context: { text: "x".repeat(65_000) } };
    expect(faultsOf(aMessage({ properties: { text: "y".repeat(1_000) } }), envelope)).toMatchObject([
      { pointer: "", limit: 65_536 },
    ]);
  });
});
