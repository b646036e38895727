import { describe, it } from "vitest";
import { intendedField } from "../../src/event/intended-field.ts";
import { eventParser } from "../../src/event/parse-event.ts";
import { anEvent } from "../tracklog.ts";

const parse = eventParser(Date.UTC(2026, 10, 23));

function faultsOf(input: unknown): string[] {
  const parsed = parse(input);
  return parsed.ok ? [] : parsed.faults.map(({ pointer, detail }) => `${pointer} ${detail}`);
}

/** The valid event with one of its fields under another name. */
function withName(field: string, name: string): object {
  const sent = anEvent({ message_id: "m", context: {} });
  return Object.fromEntries(Object.entries(sent).map(([key, value]) => [key === field ? name : key, value]));
}

describe("a field under another name", () => {
  it.for([
    [
      "user_id",
      ["userId", "UserID", "user-id", "USER_ID", "userid", "uesr_id", "usr_id", "anonymousId", "distinct_id"],
    ],
    ["properties", ["properies", "Properties", "property", "propertise", "propertys", "props", "traits"]],
    ["timestamp", ["timeStamp", "time_stamp", "timestmap", "time", "createdAt", "originalTimestamp"]],
    ["message_id", ["messageId", "MessageID", "mesage_id", "event_id", "insert_id"]],
    ["event", ["Event", "evnt", "evetn", "events", "name", "type"]],
    ["event_name", ["eventName", "EventName", "event-name", "even_name"]],
    ["context", ["Context", "contxt", "ctx"]],
  ] as const)("%s is recognized", ([field, names], { expect }) => {
    for (const name of names) expect([name, intendedField(name)]).toEqual([name, field]);
  });

  it.for([
    "colour",
    "ebemt",
    "plan",
    "email",
    "first_name",
    "",
    "__proto__",
    "constructor",
    "id",
    "x".repeat(10_000),
    "漢字",
  ])("is not recognised in %s", (name, { expect }) => {
    expect(intendedField(name)).toBeUndefined();
  });

  it.for([
    ["user_id", "userId"],
    ["user_id", "anonymousId"],
    ["properties", "properies"],
    ["timestamp", "time"],
    ["event", "evnt"],
    ["event", "type"],
  ] as const)("is one fault with its cure, not a missing field besides: %s as %s", ([field, name], { expect }) => {
    expect(faultsOf(withName(field, name))).toEqual([`/${name} is not a field of an event: send it as ${field}`]);
  });

  it("is one fault if event_name is meant, which may replace event", ({ expect }) => {
    expect(faultsOf(withName("event", "eventName"))).toEqual([
      "/eventName is not a field of an event: send it as event_name",
    ]);
  });

  it("is not taken for a field that is already given", ({ expect }) => {
    expect(faultsOf(anEvent({ userId: "u" }))).toEqual([
      "/userId is not a field of an event: put it into properties or context, or leave it out",
    ]);
    expect(faultsOf(anEvent({ type: "track" }))).toEqual([
      "/type is not a field of an event: leave it out, or send Segment's messages to /v1/track",
    ]);
  });

  it("is one fault if a whole message of Segment's protocol was sent to the wrong path", ({ expect }) => {
    const message = { type: "track", event: "e", userId: "u", messageId: "m", timestamp: "2026-01-02", properties: {} };
    expect(faultsOf(message)).toEqual([
      expect.stringMatching(/^ looks like a message of Segment's protocol: send it to \/v1\/track, or rename userId/),
    ]);
    const { userId: _, messageId: __, ...ofVisitor } = message;
    expect(faultsOf({ ...ofVisitor, anonymousId: "a" })).toHaveLength(1);
    const { type: ___, ...withoutType } = message;
    expect(faultsOf(withoutType)).toHaveLength(1);
  });

  it("is none of Segment's where the event names its user as documented", ({ expect }) => {
    expect(faultsOf(anEvent({ userId: "u", type: "track" }))).toEqual([
      expect.stringMatching(/^\/userId is not a field/),
      expect.stringMatching(/^\/type is not a field/),
    ]);
  });
});
