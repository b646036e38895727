import * as v from "valibot";
import {
  MAX_EVENT_BYTES,
  MAX_EVENT_NAME_CHARACTERS,
  MAX_MESSAGE_ID_CHARACTERS,
  MAX_USER_ID_CHARACTERS,
} from "../limits.ts";
import { byteLength, isJsonObject, type JsonObject } from "./json.ts";
import { parseTimestamp, TIMESTAMP_EXAMPLE } from "./timestamp.ts";

// Defines an event and the documented contract of POST /track. Pure: `now` is passed in.

/** The documented properties, which describe the user and must be strings or null. */
export const USER_PROPERTIES = ["email", "name", "first_name", "last_name"] as const;

/** What an event says about its user. */
export type UserProfile = Partial<Record<(typeof USER_PROPERTIES)[number], string>>;

/** An event in the form that is sent to its user's log. */
export interface TrackedEvent {
  event: string;
  userId: string;
  /** When it happened, in epoch milliseconds. */
  timestamp: number;
  /** Empty if there is none; either way it is part of the identity. */
  messageId: string;
  /** JSON text of an object, as it is stored. It reaches the user's object and D1 without being parsed again. */
  properties: string;
  /** JSON text of an object. */
  context: string;
  /**
   * What the edge adds beneath the context, as JSON text of an object, or empty. No part of it comes from the client.
   */
  enrichment: string;
  profile: UserProfile;
  /** False if the message has no usable time. Then its time is that of its batch or of its receipt. */
  hasOwnTime: boolean;
  /** Whether the message id comes from the client. */
  hasOwnId: boolean;
}

/** What a client may send, in the contract's own names. */
export type SentEvent = v.InferInput<ReturnType<typeof eventContract>>;

/**
 * The size of an event, to compare with {@link MAX_EVENT_BYTES}: its texts without the field names around them.
 *
 * @returns bytes of UTF-8, or a lower bound if the event is certainly within the limit
 */
export function eventBytes(
  event: Pick<TrackedEvent, "event" | "userId" | "messageId" | "properties" | "context">,
): number {
  const texts = [event.event, event.userId, event.messageId, event.properties, event.context];
  const units = texts.reduce((sum, text) => sum + text.length, 0);
  // A UTF-16 unit takes at most three bytes in UTF-8, so most events are known to be small without encoding them.
  return units * 3 <= MAX_EVENT_BYTES ? units : texts.reduce((sum, text) => sum + byteLength(text), 0);
}

/**
 * The schema of one event, apart from its size and depth.
 *
 * @param now the current time in epoch milliseconds, for the bound on times in the future
 */
export function eventContract(now: number) {
  return v.pipe(
    v.strictObject(
      {
        event: v.optional(eventName),
        event_name: v.optional(eventName),
        user_id: userId,
        properties,
        timestamp: timestamp(now),
        context: v.optional(freeObject, {}),
        message_id: v.nullish(messageId),
      },
      mustBe("a JSON object"),
    ),
    v.rawCheck(({ dataset, addIssue }) => {
      const { event, event_name } = dataset.value as Partial<SentEvent>;
      const complain = (key: string, message: string) =>
        addIssue({
          message,
          path: [{ type: "object", origin: "value", input: dataset.value as JsonObject, key, value: undefined }],
        });
      if (event === undefined && event_name === undefined) complain("event", "is required (or event_name)");
      if (event !== undefined && event_name !== undefined && event !== event_name)
        complain("event_name", "differs from event: send one of them, or the same in both");
    }),
  );
}

/** Texts that get into an id only by a bug in a client. Accepting them would merge many people into one. */
const PLACEHOLDER_IDS = new Set(["undefined", "null", "NaN", "[object Object]"]);

const text = (maxCharacters: number) =>
  v.pipe(
    v.string(mustBe("a string")),
    v.minLength(1, "is empty"),
    v.maxCodePoints(maxCharacters, (issue) => `has ${issue.received} characters, at most ${issue.requirement}`),
    // SQL text and object names are UTF-8. A lone surrogate would come back as another character, and two users with
    // different ones would become the same.
    v.check((value) => value.isWellFormed(), "is not well-formed Unicode: it holds a lone surrogate"),
    v.check((value) => !value.includes("\0"), "holds a NUL character"),
    v.check((value) => value === "" || value.trim() !== "", "is blank"),
  );

const id = (maxCharacters: number) =>
  v.pipe(
    text(maxCharacters),
    v.check((value) => !PLACEHOLDER_IDS.has(value.trim()), "is a placeholder that only a bug produces, not an id"),
  );

export const eventName = text(MAX_EVENT_NAME_CHARACTERS);

/** The id of a user, in an event as in a path. */
export const userId = v.pipe(
  id(MAX_USER_ID_CHARACTERS),
  // Every URL parser removes such a step from a path, encoded or not, so the user could be neither read nor erased.
  v.check(
    (value) => value !== "." && value !== "..",
    'must not be "." or "..", which URLs drop from a path: choose another id',
  ),
);

export const messageId = id(MAX_MESSAGE_ID_CHARACTERS);

/** A free object, passed on unchanged. Valibot's own object schemas drop keys named `__proto__` or `constructor`. */
export const freeObject = v.custom<JsonObject>(isJsonObject, mustBe('an object like {"plan": "pro"}'));

const properties = v.pipe(
  freeObject,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const key of USER_PROPERTIES) {
      const value = Object.hasOwn(dataset.value, key) ? dataset.value[key] : null;
      if (typeof value !== "string" && value !== null)
        addIssue({
          message: `must be a string, or null if it is not known, not ${nameOf(value)}`,
          path: [{ type: "object", origin: "value", input: dataset.value, key, value }],
        });
    }
  }),
);

const timestamp = (now: number) =>
  v.pipe(
    v.union([v.string(), v.number()], mustBe(`an ISO-8601 text like ${TIMESTAMP_EXAMPLE} or an epoch number`)),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const parsed = parseTimestamp(dataset.value, now);
      if (parsed.ok) return parsed.timestamp;
      addIssue({ message: parsed.reason });
      return NEVER;
    }),
  );

/** Makes the message for a value that has the wrong type or is missing. Never repeats the value. */
export function mustBe(type: string) {
  return (issue: { input: unknown }) =>
    issue.input === undefined ? "is required" : `must be ${type}, not ${nameOf(issue.input)}`;
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
