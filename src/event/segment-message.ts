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

// Pure: no I/O, and no clock of its own. Segment's protocol as real SDKs speak it
// (segment.com/docs/connections/sources/catalog/libraries/server/http-api).

/** A message's fields by the names of the contract. They are checked as those of /track are, but for the user's own. */
const messageContract = v.object({
  event: eventName,
  user_id: userId,
  properties: freeObject,
  context: freeObject,
  message_id: v.optional(messageId),
});

/** Around the messages of a request. */
interface MessageRequest {
  /** What is around the messages; a message that came alone is its own. */
  envelope: JsonObject;
  /** When the request was received, in epoch milliseconds. */
  now: number;
  /** A text that no other request has. */
  nonce: string;
  /** What a message is that came alone: its path says so. In a batch, each says so itself. */
  call?: SegmentCall;
}

/** Makes the check of the messages of one request. Each call becomes an event: one of its name, or the one tracked. */
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

/** What a call says about the user. The `name` and `email` of a page or a group are not its visitor's. */
function profileIn(call: SegmentCall, properties: JsonObject): UserProfile {
  if (call === "track") return profileOf(properties);
  return call === "identify" ? profileOf(withSnakeCase(properties)) : {};
}

/** Segment's spec has firstName and lastName for what the documented properties call first_name and last_name. */
function withSnakeCase(traits: JsonObject): JsonObject {
  const { first_name = traits["firstName"], last_name = traits["lastName"] } = traits;
  return { ...traits, first_name, last_name };
}

/**
 * The batch's context beneath the message's own, and what else has to be kept: the anonymous id of a known user, by
 * which what the visitor did before can be found, and a time that could not be used. Nothing that the client set is
 * replaced.
 */
function contextOf(message: JsonObject, envelope: JsonObject, kept: JsonObject): unknown {
  const own = emptyIfNothing(message["context"]);
  if (!isJsonObject(own)) return own;
  const shared = isJsonObject(envelope["context"]) ? { ...envelope["context"], ...own } : own;
  const added = Object.entries(kept).filter(([key, value]) => value !== undefined && !Object.hasOwn(shared, key));
  return added.length > 0 ? { ...shared, ...Object.fromEntries(added) } : shared;
}

/** A fault as the client knows the field. */
function renamed(fault: Fault, names: Record<string, string>): Fault {
  const [, field = "", ...rest] = fault.pointer.split("/");
  return Object.hasOwn(names, field) ? { ...fault, pointer: ["", names[field], ...rest].join("/") } : fault;
}
