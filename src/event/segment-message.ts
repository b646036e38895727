import type { Fault } from "./fault.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import { eventParser, type ParsedEvent } from "./parse-event.ts";

// Pure: no I/O, and no clock of its own. Segment's protocol as real SDKs speak it
// (segment.com/docs/connections/sources/catalog/libraries/server/http-api).

/** A message that is no event (an `identify`, a `page` …) is taken and not stored. */
export type ParsedMessage = ParsedEvent | "ignored";

/** The contract's fields, with the client's values still unchecked, or "untyped" where it is not known what this is. */
type MappedMessage = "ignored" | "untyped" | { sent: JsonObject; names: Record<string, string> };

/**
 * Makes the check of the messages of one request, by the same contract as that of /track.
 *
 * @param envelope what is around the messages; a message that came alone is its own
 * @param now when the request was received, in epoch milliseconds
 */
export function messageParser(envelope: JsonObject, now: number): (message: unknown) => ParsedMessage {
  const parseEvent = eventParser(now);
  return (message) => {
    if (!isJsonObject(message)) return refused({ pointer: "", detail: "must be a JSON object" });
    const mapped = mapMessage(message, envelope, now);
    if (mapped === "ignored") return mapped;
    if (mapped === "untyped") return refused({ pointer: "/type", detail: 'must be a string: "track" for an event' });
    const parsed = parseEvent(mapped.sent);
    return parsed.ok ? parsed : { ok: false, faults: parsed.faults.map((fault) => renamed(fault, mapped)) };
  };
}

/**
 * Maps a message to the contract's fields, and those back to the names under which the client sent them.
 *
 * Times are taken as they were sent, not moved by the difference between `sentAt` and our clock as Segment does: the
 * time is part of an event's identity, and a retry has another `sentAt`.
 */
function mapMessage(message: JsonObject, envelope: JsonObject, now: number): MappedMessage {
  // The path says what a message is that came alone.
  if (message !== envelope && message["type"] !== "track")
    return typeof message["type"] === "string" ? "ignored" : "untyped";

  const anonymousId = idOf(message["anonymousId"]);
  const isAnonymous = isMissing(message["userId"]) && anonymousId !== undefined;
  const [timeField, timestamp] = timeOf(message, envelope) ?? ["timestamp", now];
  const messageId = idOf(message["messageId"]);
  return {
    sent: {
      event: message["event"],
      user_id: isAnonymous ? anonymousId : (idOf(message["userId"]) ?? message["userId"]),
      properties: message["properties"] ?? {},
      timestamp,
      context: contextOf(message["context"] ?? {}, isAnonymous ? undefined : anonymousId),
      ...(messageId === undefined ? {} : { message_id: messageId }),
    },
    names: { user_id: isAnonymous ? "anonymousId" : "userId", message_id: "messageId", timestamp: timeField },
  };
}

/** Browsers send an empty `userId` for a visitor who is not known yet. */
function isMissing(id: unknown): boolean {
  return id === undefined || id === null || id === "";
}

/** Numbers become texts, unless they are beyond what JSON carries exactly: two people must not become one. */
function idOf(id: unknown): unknown {
  if (isMissing(id)) return undefined;
  return Number.isSafeInteger(id) ? String(id) : id;
}

/** The first time that there is, and the field that it is in. */
function timeOf(message: JsonObject, envelope: JsonObject): [string, unknown] | undefined {
  const candidates: [string, unknown][] = [
    ["timestamp", message["timestamp"]],
    ["originalTimestamp", message["originalTimestamp"]],
    ["timestamp", envelope["timestamp"]],
    ["sentAt", envelope["sentAt"]],
  ];
  return candidates.find(([, time]) => time !== undefined && time !== null);
}

/** Keeps the anonymous id of a known user, by which what the visitor did before can be found. */
function contextOf(context: unknown, anonymousId: unknown): unknown {
  if (anonymousId === undefined || !isJsonObject(context) || Object.hasOwn(context, "anonymousId")) return context;
  return { ...context, anonymousId };
}

function refused(fault: Fault): ParsedMessage {
  return { ok: false, faults: [fault] };
}

/** A fault as the client knows the field. */
function renamed(fault: Fault, { sent, names }: { sent: JsonObject; names: Record<string, string> }): Fault {
  const name = names[fault.pointer.slice(1)];
  if (name !== undefined) return { ...fault, pointer: `/${name}` };
  // The contract would name event_name, which is no field of a message.
  return fault.pointer === "/event" && sent["event"] === undefined ? { ...fault, detail: "is required" } : fault;
}
