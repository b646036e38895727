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
  return messageParser(envelope, NOW)(message);
}

function eventOf(message: unknown, envelope?: JsonObject) {
  const parsed = parse(message, envelope);
  if (parsed === "ignored" || !parsed.ok) throw new Error(`no event: ${JSON.stringify(parsed)}`);
  return parsed.event;
}

function faultsOf(message: unknown, envelope?: JsonObject) {
  const parsed = parse(message, envelope);
  return parsed === "ignored" || parsed.ok ? parsed : parsed.faults;
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
    ["anonymousId, where there is no userId", { userId: undefined, anonymousId: "a1" }, "a1", {}],
    ["anonymousId, where userId is null", { userId: null, anonymousId: "a1" }, "a1", {}],
    ["anonymousId, where userId is empty", { userId: "", anonymousId: "a1" }, "a1", {}],
    ["userId, where anonymousId is empty", { userId: "u1", anonymousId: "" }, "u1", {}],
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

  it("is a fault where nobody did, under the name that the client knows", ({ expect }) => {
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

describe("when it happened", () => {
  const times = { timestamp: TIME, originalTimestamp: "2026-11-20T09:00:00Z" };
  const envelope = { timestamp: "2026-11-20T08:00:00Z", sentAt: "2026-11-20T07:00:00Z" };
  it.for([
    ["timestamp first", times, envelope, TIME],
    ["then originalTimestamp", { ...times, timestamp: undefined }, envelope, times.originalTimestamp],
    ["then the batch's timestamp", { timestamp: undefined }, envelope, envelope.timestamp],
    [
      "then the batch's sentAt",
      { timestamp: null, originalTimestamp: null },
      { sentAt: envelope.sentAt },
      envelope.sentAt,
    ],
    ["at last the receipt", { timestamp: undefined, sentAt: "2026-11-20T06:00:00Z" }, {}, formatTimestamp(NOW)],
  ] as const)("%s", ([, message, around, expected], { expect }) => {
    expect(eventOf(aMessage(message), around).timestamp).toBe(Date.parse(expected));
  });

  it("is not moved by the client's clock: a retry with another sentAt is the same event", ({ expect }) => {
    const first = eventOf(aMessage({ sentAt: "2026-11-20T11:00:00Z" }), { sentAt: "2026-11-20T11:00:00Z" });
    const retry = eventOf(aMessage({ sentAt: "2026-11-20T11:59:00Z", _metadata: { retryCount: 2 } }), {
      sentAt: "2026-11-20T11:59:00Z",
    });
    expect(retry).toEqual(first);
  });

  it("is a fault under the name that the client sent it by", ({ expect }) => {
    expect(faultsOf(aMessage({ timestamp: "yesterday" }))).toMatchObject([{ pointer: "/timestamp" }]);
    expect(faultsOf(aMessage({ timestamp: undefined, originalTimestamp: "2026-02-30T00:00:00Z" }))).toMatchObject([
      { pointer: "/originalTimestamp", detail: "is an impossible date: 2026-2 has no day 30" },
    ]);
    expect(faultsOf(aMessage({ timestamp: undefined }), { sentAt: "soon" })).toMatchObject([{ pointer: "/sentAt" }]);
  });
});

describe("what happened", () => {
  it.for(["identify", "page", "screen", "group", "alias", "merge"])("%s in a batch is ignored", (type, { expect }) => {
    expect(parse({ type, userId: "u1", traits: { plan: "pro" } })).toBe("ignored");
  });

  it("is not guessed in a batch where a message does not say what it is", ({ expect }) => {
    const fault = { pointer: "/type", detail: 'must be a string: "track" for an event' };
    expect(faultsOf(aMessage({ type: undefined }))).toEqual([fault]);
    expect(faultsOf(aMessage({ type: 1 }))).toEqual([fault]);
  });

  it("is an event where the message came alone, whatever its type", ({ expect }) => {
    for (const type of [undefined, "track", "identify"]) {
      const alone = aMessage({ type });
      expect(eventOf(alone, alone)).toMatchObject({ event: "clicked", userId: "u1" });
    }
  });

  it("drops the protocol's fields that are not stored, and refuses none", ({ expect }) => {
    const fields = { integrations: { All: true }, _metadata: {}, channel: "web", writeKey: "k", sentAt: TIME, foo: 1 };
    expect(eventOf(aMessage(fields))).toEqual(eventOf(aMessage()));
  });

  it.for([undefined, null])("has no properties and no context where they are %s", (nothing, { expect }) => {
    const message = aMessage({ properties: nothing, context: nothing, messageId: nothing });
    expect(eventOf(message)).toMatchObject({ properties: "{}", context: "{}", messageId: "" });
  });

  it("keeps a numeric messageId as text, and refuses one that is too long instead of cutting it", ({ expect }) => {
    expect(eventOf(aMessage({ messageId: 7 })).messageId).toBe("7");
    expect(eventOf(aMessage({ messageId: "" })).messageId).toBe("");
    expect(eventOf(aMessage({ messageId: "m".repeat(128) })).messageId).toHaveLength(128);
    expect(faultsOf(aMessage({ messageId: "m".repeat(129) }))).toMatchObject([
      { pointer: "/messageId", limit: 128, actual: 129 },
    ]);
  });

  it("comes with all its faults", ({ expect }) => {
    const message = { type: "track", properties: [], context: "x", timestamp: true, messageId: {} };
    const pointers = (faultsOf(message) as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(pointers.sort()).toEqual(["/context", "/event", "/messageId", "/properties", "/timestamp", "/userId"]);
    expect(faultsOf(aMessage({ event: undefined }))).toEqual([{ pointer: "/event", detail: "is required" }]);
    expect(faultsOf(aMessage({ properties: { email: 1 } }))).toMatchObject([{ pointer: "/properties/email" }]);
  });

  it.for([[null], ["track"], [[]]])("is no event where a message is %j", ([message], { expect }) => {
    expect(faultsOf(message)).toEqual([{ pointer: "", detail: "must be a JSON object" }]);
  });

  it("keeps a context that is named like a prototype's own things", ({ expect }) => {
    const context = JSON.parse('{"__proto__":{"x":1},"constructor":2}') as JsonObject;
    const { context: kept } = eventOf(aMessage({ context, anonymousId: "a1" }));
    expect(kept).toBe('{"__proto__":{"x":1},"constructor":2,"anonymousId":"a1"}');
  });
});
