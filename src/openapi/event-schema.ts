import { eventContract, type SentEvent, USER_PROPERTIES } from "../event/contract.ts";
import { MAX_EVENT_BYTES, MAX_NESTING_LEVELS } from "../limits.ts";
import type { JsonSchema } from "./operation.ts";
import { publishedSchema } from "./published-schema.ts";

const NO_PLACEHOLDER =
  'Must not be blank, nor one of "undefined", "null", "NaN" and "[object Object]", which only bugs send.';

/** What JSON Schema cannot express about the contract. */
const FIELDS: Record<keyof SentEvent, JsonSchema> = {
  event: {
    description: "What was done. Must not be blank. Send this or `event_name`, or the same text in both.",
    examples: ["event_name"],
  },
  event_name: { description: "Another name for `event`." },
  user_id: {
    description: `Who did it. ${NO_PLACEHOLDER} Nor "." or "..", which URLs drop from a path.`,
    examples: ["user123"],
  },
  properties: {
    description: "Any properties. Those that describe the user must be strings, or null if they are not known.",
    properties: Object.fromEntries(USER_PROPERTIES.map((name) => [name, { type: ["string", "null"] }])),
    examples: [{ property1: "value1", property2: "value2" }],
  },
  timestamp: {
    description:
      "When it happened: an ISO-8601 date or date-time (UTC unless it has an offset; fractions are cut to milliseconds; " +
      "YY-MM-DD is in this century), or an epoch number (seconds below 10^11, otherwise milliseconds). Dates before " +
      "1970, dates more than 24 hours ahead and impossible dates are refused.",
    examples: ["20-11-23T22:28:55.111Z", "2020-11-23T22:28:55.111Z", "2020-11-23", 1606170535, 1606170535111],
  },
  context: { description: "Any extra information about the event." },
  message_id: {
    description: `The client's own id for this event, which tells two equal events in one millisecond apart. ${NO_PLACEHOLDER}`,
  },
};

/** An event as /track accepts it. */
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
