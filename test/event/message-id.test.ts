import * as fc from "fast-check";
import { describe, it } from "vitest";
import type { JsonObject } from "../../src/event/json.ts";
import { messageParser } from "../../src/event/segment-message.ts";

const TIME = "2026-11-20T10:00:00.000Z";

function idsOf(messages: JsonObject[], nonce = "n", envelope: JsonObject = {}): string[] {
  const parse = messageParser({ envelope, now: Date.UTC(2026, 10, 20, 12), nonce });
  return messages.map((message) => {
    const parsed = parse({ type: "track", event: "e", userId: "u1", timestamp: TIME, ...message });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed));
    return parsed.event.messageId;
  });
}

describe("the id of a message that has none", () => {
  it("is the client's own if there is one", ({ expect }) => {
    expect(idsOf([{ messageId: "m" }, { messageId: 7 }])).toEqual(["m", "7"]);
  });

  it.for([undefined, null, ""])("is made if it is %j", (messageId, { expect }) => {
    expect(idsOf([{ messageId }])).toEqual([expect.stringMatching(/^auto-[\w-]{22}-1$/)]);
  });

  it("differs by content, and among equal ones by their number in the request", ({ expect }) => {
    const messages = [{}, {}, { properties: { a: 1 } }, { context: { a: 1 } }, { event: "f" }, { userId: "u2" }, {}];
    const ids = idsOf(messages);
    expect(new Set(ids).size).toBe(messages.length);
    expect([0, 1, 6].map((index) => ids[index]!.at(-1))).toEqual(["1", "2", "3"]);
  });

  it("is the same on a retry, even if other fields change", ({ expect }) => {
    const messages = [{}, { properties: { a: 1 } }, {}];
    const retry = messages.map((message) => ({
      ...message,
      sentAt: TIME,
      _metadata: { retryCount: 1 },
      writeKey: "k",
    }));
    expect(idsOf(retry, "other", { sentAt: TIME, writeKey: "k" })).toEqual(idsOf(messages));
  });

  it("is unique to the request if the message has no time either", ({ expect }) => {
    const timeless = [{ timestamp: undefined }];
    for (const envelope of [{}, { sentAt: TIME }, { timestamp: TIME }])
      expect(idsOf(timeless, "a", envelope)).not.toEqual(idsOf(timeless, "b", envelope));
  });

  it("is never that of another message of the request, for any messages", ({ expect }) => {
    const message = fc.record({
      event: fc.constantFrom("a", "b"),
      userId: fc.constantFrom("u1", "u2"),
      timestamp: fc.constantFrom(TIME, undefined),
      properties: fc.constantFrom({}, { a: 1 }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
        expect(new Set(idsOf(messages)).size).toBe(messages.length);
      }),
      { seed: 20261120 },
    );
  });
});
