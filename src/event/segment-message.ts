import * as v from "valibot";
import { eventName, freeObject, messageId, mustBe, type TrackedEvent, userId, type UserProfile } from "./contract.ts";
import { type Fault, issueFaults } from "./fault.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import { idGiver } from "./message-id.ts";
import { depthFaultsOf, type ParsedEvent, profileOf, rejected, sized } from "./parse-event.ts";
import {
  callOf,
  emptyIfNothing,
  freeFieldOf,
  idOf,
  isMissing,
  propertiesOf,
  SEGMENT_CALLS,
  type SegmentCall,
} from "./segment-call.ts";
import { timeOf } from "./segment-time.ts";

// Pure: no I/O, and no clock of its own. Reads Segment's protocol as real SDKs speak it
// (segment.com/docs/connections/sources/catalog/libraries/server/http-api).

/** A message's fields under the contract's names, checked as /track checks them, except for the user properties. */
const messageContract = v.object({
  event: eventName,
  user_id: userId,
  properties: freeObject,
  context: freeObject,
  message_id: v.optional(messageId),
});

interface MessageRequest {
  /** The body that holds the batch, or the message itself if it came alone. */
  envelope: JsonObject;
  /** When the request was received, in epoch milliseconds. */
  now: number;
  /** A text that no other request has. */
  nonce: string;
  /** The call that the path names. Without it each message of a batch names its own. */
  call?: SegmentCall;
}

/**
 * Makes a function that checks the messages of one request. A track call becomes the event that it tracks, every other
 * call an event with the call's name.
 */
export function messageParser({ envelope, now, nonce, call }: MessageRequest): (message: unknown) => ParsedEvent {
  const withId = idGiver(nonce);
  return (message) => {
    if (!isJsonObject(message)) return rejected({ pointer: "", detail: mustBe("a JSON object")({ input: message }) });
    const kind = call ?? callOf(message["type"]);
    if (kind === null) return rejected({ pointer: "/type", detail: `must be one of ${SEGMENT_CALLS.join(", ")}` });
    const parsed = parseMessage(kind, message, envelope, now);
    return parsed.ok ? sized(withId(parsed.event)) : parsed;
  };
}

function parseMessage(call: SegmentCall, message: JsonObject, envelope: JsonObject, now: number): ParsedEvent {
  const { timestamp, hasOwnTime, unusable } = timeOf(message, envelope, now);
  const anonymousId = idOf(message["anonymousId"]);
  const isAnonymous = isMissing(message["userId"]) && anonymousId !== undefined;
  const context = contextOf(message, envelope, {
    anonymousId: isAnonymous ? undefined : anonymousId,
    sent_timestamp: unusable,
  });
  const mapped = {
    event: call === "track" ? message["event"] : call,
    user_id: isAnonymous ? anonymousId : (idOf(message["userId"]) ?? message["userId"]),
    properties: propertiesOf(call, message),
    context,
    message_id: idOf(message["messageId"]),
  };
  const parsed = v.safeParse(messageContract, mapped);
  const faults = [...issueFaults(parsed.issues ?? []), ...depthFaultsOf(mapped)];
  if (!parsed.success || faults.length > 0) {
    const names = {
      user_id: isAnonymous ? "anonymousId" : "userId",
      message_id: "messageId",
      properties: freeFieldOf(call),
    };
    return rejected(...faults.map((fault) => renamed(fault, names)));
  }
  const { output } = parsed;
  const event: TrackedEvent = {
    event: output.event,
    userId: output.user_id,
    timestamp,
    messageId: output.message_id ?? "",
    properties: JSON.stringify(output.properties),
    context: JSON.stringify(output.context),
    enrichment: "",
    profile: profileIn(call, output.properties),
    hasOwnTime,
    hasOwnId: output.message_id !== undefined,
  };
  return { ok: true, event };
}

/** What a call says about the user. The `name` and `email` of a page or a group are not the visitor's. */
function profileIn(call: SegmentCall, properties: JsonObject): UserProfile {
  if (call === "track") return profileOf(properties);
  return call === "identify" ? profileOf(withSnakeCase(properties)) : {};
}

/** Segment's spec uses firstName and lastName for the documented properties first_name and last_name. */
function withSnakeCase(traits: JsonObject): JsonObject {
  const { first_name = traits["firstName"], last_name = traits["lastName"] } = traits;
  return { ...traits, first_name, last_name };
}

/**
 * The message's context over its batch's, with two additions: the anonymous id of a known user, by which the visitor's
 * earlier events can be found, and a time that could not be used. Never replaces what the client set.
 */
function contextOf(message: JsonObject, envelope: JsonObject, kept: JsonObject): unknown {
  const own = emptyIfNothing(message["context"]);
  if (!isJsonObject(own)) return own;
  const shared = isJsonObject(envelope["context"]) ? { ...envelope["context"], ...own } : own;
  const added = Object.entries(kept).filter(([key, value]) => value !== undefined && !Object.hasOwn(shared, key));
  return added.length > 0 ? { ...shared, ...Object.fromEntries(added) } : shared;
}

/** The fault with the field's name in Segment's protocol. */
function renamed(fault: Fault, names: Record<string, string>): Fault {
  const [, field = "", ...rest] = fault.pointer.split("/");
  return Object.hasOwn(names, field) ? { ...fault, pointer: ["", names[field], ...rest].join("/") } : fault;
}
