import { describe, it } from "vitest";
import { type LiveFilter, matchesFields, matchesText } from "../../src/live/live-filter.ts";

const EVENT = { status: "created", event: "Order Completed", userId: "user1", key: "site" } as const;

describe("a viewer's filter", () => {
  it.for([
    [{}, true],
    [{ verdict: ["created", "rejected"] }, true],
    [{ verdict: ["rejected"] }, false],
    [{ event: "order" }, true],
    [{ event: "orders" }, false],
    [{ user_id: "user1" }, true],
    [{ user_id: '"user1"' }, true],
    [{ user_id: '"user"' }, false],
    [{ user_id: '"' }, false],
    [{ user_id: '""' }, false],
    [{ key: "SITE", event: "completed" }, true],
    [{ key: "SITE", event: "started" }, false],
  ] as [LiveFilter, boolean][])("lets an event pass or not by its fields: %j", ([filter, passes], { expect }) => {
    expect(matchesFields(filter, EVENT)).toBe(passes);
  });

  it("rejects events that lack a field which it asks for", ({ expect }) => {
    expect(matchesFields({ user_id: "u" }, { ...EVENT, userId: null })).toBe(false);
  });

  it.for([
    ["pro", true],
    ["PRO", true],
    ['say "hi"', true],
    ["C:\\", true],
    ["free", false],
    ["é", true],
  ] as const)("finds a text in the event however JSON writes it: %s", ([text, passes], { expect }) => {
    const line = JSON.stringify({ properties: { plan: "pro", note: 'say "hi"', path: "C:\\", name: "É" } });
    expect(matchesText({ text }, line)).toBe(passes);
  });
});
