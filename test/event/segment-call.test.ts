import { describe, it } from "vitest";
import type { JsonObject } from "../../src/event/json.ts";
import { SEGMENT_CALLS } from "../../src/event/segment-call.ts";
import { messageParser } from "../../src/event/segment-message.ts";

function parse(message: JsonObject) {
  const sent = { userId: "u1", timestamp: "2026-11-20T10:00:00.000Z", ...message };
  return messageParser({ envelope: {}, now: Date.UTC(2026, 10, 20, 12), nonce: "n" })(sent);
}

function eventOf(message: JsonObject) {
  const parsed = parse(message);
  if (!parsed.ok) throw new Error(`no event: ${JSON.stringify(parsed)}`);
  return { ...parsed.event, properties: JSON.parse(parsed.event.properties) as JsonObject };
}

describe("a call", () => {
  it.for([
    [
      { type: "identify", traits: { email: "a@example.com", plan: "pro" } },
      "identify",
      { email: "a@example.com", plan: "pro" },
    ],
    [
      { type: "page", name: "Home", category: "Docs", properties: { path: "/" } },
      "page",
      { name: "Home", category: "Docs", path: "/" },
    ],
    [{ type: "page", name: "Home", properties: { name: "home.html" } }, "page", { name: "home.html" }],
    [{ type: "page" }, "page", {}],
    [{ type: "screen", name: "Main", properties: { tab: 1 } }, "screen", { name: "Main", tab: 1 }],
    [{ type: "group", groupId: "g1", traits: { name: "Acme" } }, "group", { name: "Acme", group_id: "g1" }],
    [{ type: "group", groupId: 7 }, "group", { group_id: "7" }],
    [{ type: "alias", previousId: "anon-1" }, "alias", { previous_id: "anon-1" }],
    [{ type: "alias" }, "alias", {}],
    [{ type: "Identify", traits: [] }, "identify", {}], // PHP's empty array
  ] as const)("%j becomes the event %s", ([message, event, properties], { expect }) => {
    expect(eventOf(message)).toMatchObject({ event, userId: "u1", properties });
    expect(Object.keys(eventOf(message).properties).sort()).toEqual(Object.keys(properties).sort());
  });

  it("is checked like any other event, under the message's own names", ({ expect }) => {
    expect(parse({ type: "identify", traits: "x" })).toMatchObject({ ok: false, faults: [{ pointer: "/traits" }] });
    expect(parse({ type: "page", properties: [1] })).toMatchObject({ ok: false, faults: [{ pointer: "/properties" }] });
    for (const type of SEGMENT_CALLS)
      expect(parse({ type, event: "e", userId: null })).toMatchObject({ ok: false, faults: [{ pointer: "/userId" }] });
    const deep = JSON.parse(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`) as unknown;
    expect(parse({ type: "group", traits: deep })).toMatchObject({
      ok: false,
      faults: [{ pointer: "/traits", limit: 20 }],
    });
  });

  it("finds the traits of an identify in its context, as RudderStack's SDKs send them", ({ expect }) => {
    const context = { traits: { email: "a@example.com" } };
    expect(eventOf({ type: "identify", context })).toMatchObject({
      properties: context.traits,
      profile: context.traits,
    });
    expect(eventOf({ type: "identify", context, traits: { plan: "pro" } }).properties).toEqual({ plan: "pro" });
    expect(eventOf({ type: "track", event: "e", context })).toMatchObject({ properties: {}, profile: {} });
  });
});

describe("the user's profile", () => {
  it("takes the traits of an identify, in both spellings", ({ expect }) => {
    const traits = { email: "a@example.com", firstName: "Ann", lastName: "Lee", name: "Ann Lee", plan: "pro" };
    expect(eventOf({ type: "identify", traits }).profile).toEqual({
      email: "a@example.com",
      first_name: "Ann",
      last_name: "Lee",
      name: "Ann Lee",
    });
    expect(eventOf({ type: "identify", traits: { firstName: "A", first_name: "B" } }).profile).toEqual({
      first_name: "B",
    });
  });

  it("takes the documented properties of a track", ({ expect }) => {
    expect(eventOf({ type: "track", event: "e", properties: { email: "a@example.com", name: "Ann" } }).profile).toEqual(
      {
        email: "a@example.com",
        name: "Ann",
      },
    );
  });

  it("omits values that are not texts, which the event keeps", ({ expect }) => {
    const odd = { email: null, name: { first: "Ann" }, first_name: 1, last_name: ["Lee"] };
    expect(eventOf({ type: "identify", traits: odd })).toMatchObject({ properties: odd, profile: {} });
    expect(eventOf({ type: "track", event: "e", properties: odd })).toMatchObject({ properties: odd, profile: {} });
  });

  it("does not take the name of a page or of a group for the user's", ({ expect }) => {
    for (const type of ["page", "screen", "group"])
      expect(eventOf({ type, name: "Home", properties: { name: "Home" }, traits: { name: "Acme" } }).profile).toEqual(
        {},
      );
  });
});
