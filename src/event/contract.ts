import * as v from "valibot";
import {
  MAX_EVENT_BYTES,
  MAX_EVENT_NAME_CHARACTERS,
  MAX_MESSAGE_ID_CHARACTERS,
  MAX_USER_ID_CHARACTERS,
} from "../limits.ts";
import { byteLength, isJsonObject, type JsonObject } from "./json.ts";
import { parseTimestamp, TIMESTAMP_EXAMPLE } from "./timestamp.ts";

// What an event is, and the documented contract of POST /track. Pure: `now` is passed in.

/** The documented properties, which describe the user and must be strings or null. */
export const USER_PROPERTIES = ["email", "name", "first_name", "last_name"] as const;

/** What an event says about its user. */
export type UserProfile = Partial<Record<(typeof USER_PROPERTIES)[number], string>>;

/** An event in the form in which it travels to its user's log. */
export interface TrackedEvent {
  event: string;
  userId: string;
  /** When it happened, in epoch milliseconds. */
  timestamp: number;
  /** Empty if there is none: it is part of the identity either way. */
  messageId: string;
  /** JSON text of an object, as it is stored: it crosses to the user's object and to D1 without being read again. */
  properties: string;
  /** JSON text of an object. */
  context: string;
  /** What the edge adds beneath the context, as JSON text of an object; empty for nothing. It came from no client. */
  enrichment: string;
  profile: UserProfile;
  /** False if the message carried no usable time: its time is then that of its batch or of its receipt. */
  hasOwnTime: boolean;
  /** Whether the client gave the message id. */
  hasOwnId: boolean;
}

/** What a client may send, in the contract's own names. */
export type SentEvent = v.InferInput<ReturnType<typeof eventContract>>;

/**
 * The size of an event against {@link MAX_EVENT_BYTES}: its texts, without the field names around them.
 *
 * @returns bytes of UTF-8, or a lower bound of them for an event that is surely within the limit
 */
export function eventBytes(
  event: Pick<TrackedEvent, "event" | "userId" | "messageId" | "properties" | "context">,
): number {
  const texts = [event.event, event.userId, event.messageId, event.properties, event.context];
  const units = texts.reduce((sum, text) => sum + text.length, 0);
  // A UTF-16 unit makes at most three bytes, so most events need no encoding to be known as small.
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

/** Texts that only a bug in a client makes into an id; they would merge many people into one. */
const PLACEHOLDER_IDS = new Set(["undefined", "null", "NaN", "[object Object]"]);

const text = (maxCharacters: number) =>
  v.pipe(
    v.string(mustBe("a string")),
    v.minLength(1, "is empty"),
    v.maxCodePoints(maxCharacters, (issue) => `has ${issue.received} characters, at most ${issue.requirement}`),
    // SQL text and object names are UTF-8: a lone surrogate would come back as another character, and
    // two users with different ones would become the same.
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
  // Every URL parser takes such a step out of a path, encoded or not: the user could not be read, nor erased.
  v.check((value) => value !== "." && value !== "..", "cannot be part of a path"),
);

export const messageId = id(MAX_MESSAGE_ID_CHARACTERS);

/** A free object, passed on as it is: Valibot's own object schemas drop keys named `__proto__` or `constructor`. */
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

/** A message for a value of the wrong type, or for one that is missing. Never repeats the value. */
export function mustBe(type: string) {
  return (issue: { input: unknown }) =>
    issue.input === undefined ? "is required" : `must be ${type}, not ${nameOf(issue.input)}`;
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
