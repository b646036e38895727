import { isJsonObject, type JsonObject } from "./json.ts";

// Pure. The calls of Segment's protocol (segment.com/docs/connections/spec).

/** The calls, each of which becomes an event. */
export const SEGMENT_CALLS = ["track", "identify", "page", "screen", "group", "alias"] as const;

export type SegmentCall = (typeof SEGMENT_CALLS)[number];

/** The call that a message names, or null if it names none. SDKs differ in upper and lower case. */
export function callOf(type: unknown): SegmentCall | null {
  const name = typeof type === "string" ? type.trim().toLowerCase() : "";
  return SEGMENT_CALLS.find((call) => call === name) ?? null;
}

/** The field that holds a call's free object. */
export function freeFieldOf(call: SegmentCall): "traits" | "properties" {
  return call === "identify" || call === "group" ? "traits" : "properties";
}

/** A call's free object together with the call's other arguments, not validated yet. */
export function propertiesOf(call: SegmentCall, message: JsonObject): unknown {
  const sent = emptyIfNothing(message[freeFieldOf(call)]);
  if (!isJsonObject(sent)) return sent;
  switch (call) {
    case "track":
      return sent;
    case "identify":
      return Object.keys(sent).length === 0 ? contextTraitsOf(message) : sent;
    case "page":
    case "screen":
      return { ...given(message, { name: "name", category: "category" }), ...sent };
    case "group":
      return { ...sent, ...given(message, { groupId: "group_id" }) };
    case "alias":
      return { ...sent, ...given(message, { previousId: "previous_id" }) };
  }
}

/** PHP encodes an empty object as an array, and others send null. */
export function emptyIfNothing(value: unknown): unknown {
  const isNothing = value === undefined || value === null || (Array.isArray(value) && value.length === 0);
  return isNothing ? {} : value;
}

/** RudderStack's SDKs send the traits of an identify in its context. */
function contextTraitsOf(message: JsonObject): JsonObject {
  const traits = isJsonObject(message["context"]) ? message["context"]["traits"] : undefined;
  return isJsonObject(traits) ? traits : {};
}

/** The fields of a message that are present, under the names that they have as properties. */
function given(message: JsonObject, names: Record<string, string>): JsonObject {
  const present = Object.entries(names).filter(([field]) => !isMissing(message[field]));
  return Object.fromEntries(present.map(([field, name]) => [name, idOf(message[field])]));
}

/**
 * An id, or undefined if there is none. A number becomes text unless it is too large for JSON to carry exactly;
 * otherwise two people could become one.
 */
export function idOf(id: unknown): unknown {
  if (isMissing(id)) return undefined;
  return Number.isSafeInteger(id) ? String(id) : id;
}

/** Browsers send an empty `userId` for a visitor who is not known yet. */
export function isMissing(id: unknown): boolean {
  return id === undefined || id === null || id === "";
}
