import * as v from "valibot";
import { eventBytes, eventContract, mustBe, type TrackedEvent, USER_PROPERTIES, type UserProfile } from "./contract.ts";
import { type Fault, faultsOf } from "./fault.ts";
import { intendedField } from "./intended-field.ts";
import { isJsonObject, type JsonObject, unstorable } from "./json.ts";
import { MAX_EVENT_BYTES, MAX_REPORTED_FAULTS } from "../limits.ts";

// Pure: no I/O, and no clock of its own.

export type ParsedEvent = { ok: true; event: TrackedEvent } | { ok: false; faults: Fault[] };

/**
 * Makes a function that checks events of a request that arrived at `now` (epoch milliseconds). It returns all faults of
 * an event, not only the first.
 */
export function eventParser(now: number): (input: unknown) => ParsedEvent {
  const contract = eventContract(now);
  const fields = contract.pipe[0].entries;
  return (input) => {
    // Valibot accepts an array as an object, and passes null on to the checks that follow.
    if (!isJsonObject(input)) return rejected({ pointer: "", detail: mustBe("a JSON object")({ input }) });
    const parsed = v.safeParse(contract, input);
    const depthFaults = depthFaultsOf(input);
    if (!parsed.success) {
      if (isSegmentMessage(input)) return rejected({ pointer: "", detail: SEGMENT_CURE });
      const faults = faultsOf(parsed.issues, input, fields, (name) => unknownField(name, input));
      return rejected(...withoutConsequences(faults, input), ...depthFaults);
    }
    if (depthFaults.length > 0) return rejected(...depthFaults);
    const { event, event_name, user_id, timestamp, properties, context, message_id } = parsed.output;
    return sized({
      event: (event ?? event_name)!,
      userId: user_id,
      timestamp,
      messageId: message_id ?? "",
      properties: JSON.stringify(properties),
      context: JSON.stringify(context),
      enrichment: "",
      profile: profileOf(properties),
      hasOwnTime: true,
      hasOwnId: typeof message_id === "string",
    });
  };
}

/** What properties or traits say about the user: the documented ones that are strings. */
export function profileOf(properties: JsonObject): UserProfile {
  const known = USER_PROPERTIES.filter((key) => Object.hasOwn(properties, key) && typeof properties[key] === "string");
  return Object.fromEntries(known.map((key) => [key, properties[key]]));
}

/** The faults of properties or context that nest too deep or hold a number that JSON cannot express. */
export function depthFaultsOf(event: JsonObject): Fault[] {
  return ["properties", "context"].flatMap((field) => {
    const object = Object.hasOwn(event, field) ? event[field] : undefined;
    // The event itself is the first level of nesting.
    const fault = isJsonObject(object) ? unstorable(object, 2) : null;
    return fault ? [{ pointer: `/${field}`, ...fault }] : [];
  });
}

/** The event if it is small enough, or its fault. */
export function sized(event: TrackedEvent): ParsedEvent {
  const bytes = eventBytes(event);
  if (bytes <= MAX_EVENT_BYTES) return { ok: true, event };
  const detail = `is too large: ${bytes} bytes, at most ${MAX_EVENT_BYTES}`;
  return rejected({ pointer: "", detail, limit: MAX_EVENT_BYTES, actual: bytes });
}

export function rejected(...faults: Fault[]): ParsedEvent & { ok: false } {
  return { ok: false, faults: faults.slice(0, MAX_REPORTED_FAULTS) };
}

const SEGMENT_CURE =
  "looks like a message of Segment's protocol: send it to /v1/track, or rename userId to user_id, messageId to message_id, and leave out type";

/**
 * Whether this is Segment's protocol at the wrong path. That is one mistake, and should not be a fault of each field.
 */
function isSegmentMessage(sent: JsonObject): boolean {
  const has = (name: string) => Object.hasOwn(sent, name);
  return (has("userId") || has("anonymousId")) && !has("user_id") && (has("type") || has("messageId"));
}

function unknownField(name: string, sent: JsonObject): string {
  const intended = intendedField(name);
  if (intended !== undefined && !isGiven(intended, sent)) return `is not a field of an event: send it as ${intended}`;
  if (name === "type") return "is not a field of an event: leave it out, or send Segment's messages to /v1/track";
  return "is not a field of an event: put it into properties or context, or leave it out";
}

function isGiven(field: string, sent: JsonObject): boolean {
  const names = isEventName(field) ? ["event", "event_name"] : [field];
  return names.some((name) => Object.hasOwn(sent, name));
}

function isEventName(field: string | undefined): boolean {
  return field === "event" || field === "event_name";
}

/** Drops the fault of a missing field if it was sent under another name, so that one slip is one fault. */
function withoutConsequences(faults: Fault[], sent: JsonObject): Fault[] {
  const intended = Object.keys(sent).slice(0, MAX_REPORTED_FAULTS).map(intendedField);
  const isMisnamed = (field: string) =>
    intended.some((name) => name === field || (isEventName(field) && isEventName(name)));
  return faults.filter(({ pointer, detail }) => !detail.startsWith("is required") || !isMisnamed(pointer.slice(1)));
}
