import { describe, it } from "vitest";
import type { JsonObject } from "../../src/event/json.ts";
import { messageParser } from "../../src/event/segment-message.ts";

const NOW = Date.parse("2026-11-20T12:00:00.000Z");
const TIME = "2026-11-20T10:00:00.000Z";
const ORIGINAL = "2026-11-20T09:00:00.000Z";
const BATCH = "2026-11-20T08:00:00.000Z";
const SENT = "2026-11-20T07:00:00.000Z";
const RECEIPT = "2026-11-20T12:00:00.000Z";

function eventOf(message: JsonObject, envelope: JsonObject = {}) {
  const parse = messageParser({ envelope, now: NOW, nonce: "n" });
  const parsed = parse({ type: "track", event: "clicked", userId: "u1", ...message });
  if (!parsed.ok) throw new Error(`no event: ${JSON.stringify(parsed)}`);
  const { timestamp, hasOwnTime, context } = parsed.event;
  return { time: new Date(timestamp).toISOString(), hasOwnTime, context: JSON.parse(context) as JsonObject };
}

const contextFor = (timestamp: unknown, context = {}) => eventOf({ timestamp, context }).context;

/** Values that are not times, or are impossible times. */
const UNUSABLE = [
  "Invalid Date",
  "soon",
  "2026-02-30T00:00:00Z",
  "2026-12-04T12:00:00Z", // two weeks ahead
  "0001-01-01T00:00:00Z", // the zero time of Go and .NET
  "20261120",
  1e300,
  -1,
  true,
  {},
  [TIME],
];

describe("the time of a message", () => {
  it.for([
    ["its timestamp", { timestamp: TIME, originalTimestamp: ORIGINAL }, { timestamp: BATCH }, TIME, true],
    ["then its originalTimestamp", { originalTimestamp: ORIGINAL }, { timestamp: BATCH }, ORIGINAL, true],
    ["then the batch's timestamp", {}, { timestamp: BATCH, sentAt: SENT }, BATCH, false],
    ["then the batch's sentAt", { timestamp: null }, { timestamp: "", sentAt: SENT }, SENT, false],
    ["at last the receipt", { sentAt: SENT }, {}, RECEIPT, false],
  ] as const)("is %s", ([, message, envelope, time, hasOwnTime], { expect }) => {
    expect(eventOf(message, envelope)).toEqual({ time, hasOwnTime, context: {} });
  });

  it.for(UNUSABLE)("is the next known one if it is %j", (unusable, { expect }) => {
    const envelope = { timestamp: unusable, sentAt: SENT };
    expect(eventOf({ timestamp: unusable, originalTimestamp: ORIGINAL }, envelope)).toMatchObject({
      time: ORIGINAL,
      hasOwnTime: true,
    });
    expect(eventOf({ timestamp: unusable }, envelope)).toMatchObject({ time: SENT, hasOwnTime: false });
    expect(eventOf({ originalTimestamp: unusable }, { sentAt: unusable })).toMatchObject({
      time: RECEIPT,
      hasOwnTime: false,
    });
  });

  it("is kept in the context as it was sent if it could not be used", ({ expect }) => {
    expect(contextFor("Invalid Date")).toEqual({ sent_timestamp: "Invalid Date" });
    expect(contextFor("2026-12-04T12:00:00Z", { ip: "::1" })).toEqual({
      ip: "::1",
      sent_timestamp: "2026-12-04T12:00:00Z",
    });
    expect(contextFor(1e300)).toEqual({ sent_timestamp: "1e+300" });
    expect(contextFor(["x"])).toEqual({ sent_timestamp: "(an object)" });
    expect(contextFor("x".repeat(1_000))).toEqual({ sent_timestamp: "x".repeat(64) });
    expect(String(contextFor(`${"x".repeat(63)}😀`)["sent_timestamp"]).isWellFormed()).toBe(true);
    expect(contextFor("soon", { sent_timestamp: "mine" })).toEqual({ sent_timestamp: "mine" });
    for (const nothing of [undefined, null, ""]) expect(contextFor(nothing)).toEqual({});
  });

  it("may nest as deep as a request can hold if it is not a time", ({ expect }) => {
    const deep = JSON.parse("[".repeat(200_000) + "]".repeat(200_000)) as unknown;
    expect(eventOf({ timestamp: deep })).toMatchObject({ time: RECEIPT });
  });

  it.for(["1795168800", "1795168800000", 1795168800, "1795168800.000"])(
    "may be the epoch number %j",
    (time, { expect }) => {
      expect(eventOf({ timestamp: time })).toMatchObject({ time: TIME, hasOwnTime: true });
    },
  );

  it("is not moved by the client's clock: a retry with another sentAt is the same event", ({ expect }) => {
    const first = eventOf({ timestamp: TIME, sentAt: "2026-11-20T11:00:00Z" }, { sentAt: "2026-11-20T11:00:00Z" });
    const retry = eventOf({ timestamp: TIME, _metadata: { retryCount: 2 } }, { sentAt: "2026-11-20T11:59:00Z" });
    expect(retry).toEqual(first);
  });
});
