import { eventContract, type SentEvent, USER_PROPERTIES } from "../event/contract.ts";
import { MAX_EVENT_BYTES, MAX_NESTING_LEVELS } from "../limits.ts";
import type { JsonSchema } from "./operation.ts";
import { publishedSchema } from "./published-schema.ts";

const NO_PLACEHOLDER = 'Not blank, and none of "undefined", "null", "NaN", "[object Object]", which only bugs send.';

/** What the contract cannot say of itself in JSON Schema. */
const FIELDS: Record<keyof SentEvent, JsonSchema> = {
  event: {
    description: "What was done. Not blank. Either this or `event_name`, or the same in both.",
    examples: ["event_name"],
  },
  event_name: { description: "Another name of `event`." },
  user_id: {
    description: `Who did it. ${NO_PLACEHOLDER} Nor "." or "..", which cannot be a segment of a path.`,
    examples: ["user123"],
  },
  properties: {
    description:
      "Free, but for the properties that describe the user: these are strings, or null if they are not known.",
    properties: Object.fromEntries(USER_PROPERTIES.map((name) => [name, { type: ["string", "null"] }])),
    examples: [{ property1: "value1", property2: "value2" }],
  },
  timestamp: {
    description:
      "When it happened: an ISO-8601 date or date-time (UTC unless it has an offset; fractions are cut to milliseconds; " +
      "YY-MM-DD is of this century), or an epoch number (seconds below 10^11, milliseconds from there on). Dates before " +
      "1970, more than 24 hours ahead, or impossible ones are refused.",
    examples: ["20-11-23T22:28:55.111Z", "2020-11-23T22:28:55.111Z", "2020-11-23", 1606170535, 1606170535111],
  },
  context: { description: "Extra information about the event. Free." },
  message_id: {
    description: `The client's own id of this event, for two like events in one millisecond. ${NO_PLACEHOLDER}`,
  },
};

/** An event as /track takes it. */
export function eventSchema(): JsonSchema {
  const published = publishedSchema(eventContract(0));
  const generated = published["properties"] as Record<keyof SentEvent, JsonSchema>;
  const fields = Object.entries(generated).map(([name, schema]) => [
    name,
    { ...schema, ...FIELDS[name as keyof SentEvent] },
  ]);
  return {
    ...published,
    description: `At most ${MAX_EVENT_BYTES} bytes and ${MAX_NESTING_LEVELS} levels of nesting.`,
    properties: Object.fromEntries(fields) as JsonSchema,
    anyOf: [{ required: ["event"] }, { required: ["event_name"] }],
  };
}
