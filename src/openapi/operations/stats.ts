import { propertiesQuery, statsQuery } from "../../http/read/stats.ts";
import { DIMENSIONS } from "../../stats/stats-query.ts";
import type { JsonSchema, Operation } from "../operation.ts";
import { queryParameters } from "../query-parameters.ts";
import { OF_READS, problemExample } from "../shared-problems.ts";

const text: JsonSchema = { type: "string" };
const textOrNull: JsonSchema = { type: ["string", "null"] };
const count: JsonSchema = { type: "integer", minimum: 0 };
const time: JsonSchema = { type: "string", format: "date-time" };

function record(properties: Record<string, JsonSchema>, optional: string[] = []): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

const RANGE = {
  from: "The start of the range, inclusive, in any form of a timestamp. Default: a day before `to`.",
  to: "The end of the range, exclusive, in any form of a timestamp. Default: now.",
  format: "`csv` is the same as `Accept: text/csv`.",
};

const CSV = { type: "string", description: "One line for each row, after a line with the names of the columns." };

const statsRow = record(
  {
    minute: time,
    hour: time,
    day: time,
    event: {
      ...textOrNull,
      description: "Null for events beyond the 2,000 names that are counted separately in an hour.",
    },
    key: { ...textOrNull, description: "The name of the write key; null if none was needed." },
    verdict: { enum: ["created", "updated", "duplicate", "suppressed", "rejected"] },
    events: count,
    users: {
      type: ["integer", "null"],
      description:
        "Distinct users, if they are exact: by `day` alone, and by a time with `event` and `key`. Null for a day with " +
        "more than 200,000 events that the roll-up has not counted completely yet, and for a day on which logs went on in " +
        "another database.",
    },
  },
  ["minute", "hour", "day", "event", "key", "verdict", "users"],
);

const stats: Operation = {
  method: "get",
  path: "/stats",
  operationId: "stats",
  tag: "All users",
  summary: "Count events by time, name, key or verdict",
  description:
    "Reads counters that are kept for 400 days, even if the events have moved to the archive. Hours that are not rolled " +
    "up yet are counted from the events. The longest range is 6 hours by `minute`, 31 days by `hour`, and otherwise 400 days. The " +
    "range is widened to whole minutes, hours or days (UTC). Verdicts are counted at the time of the answer, " +
    "events at the time when they happened. Verdicts are approximate, the rest is exact.",
  key: "read",
  parameters: queryParameters(statsQuery, {
    ...RANGE,
    by: `Some of ${DIMENSIONS.join(", ")}, separated by commas; empty for one number. \`verdict\` can be combined only with \`hour\`, \`day\` and \`key\`.`,
    event: "Only events of this name.",
    key: "Only events sent with the write key of this name; empty for events sent without a key.",
  }),
  answers: {
    200: {
      description: "The rows, by time and then by the number of events.",
      content: {
        "application/json": record({
          from: time,
          to: time,
          by: { type: "array", items: { enum: DIMENSIONS } },
          rows: { type: "array", items: statsRow },
          complete: {
            type: "boolean",
            description:
              "False if numbers are missing: after a burst of events until the next roll-up, and by " +
              "minute the oldest events if there are more than 100,000.",
          },
        }),
        "text/csv": CSV,
      },
    },
  },
  examples: {
    by_name: {
      summary: "A day's events by name",
      request: { path: "/stats?from=2001-02-03&to=2001-02-04&by=day,event" },
      status: 200,
      answer: {
        from: "2001-02-03T00:00:00.000Z",
        to: "2001-02-04T00:00:00.000Z",
        by: ["day", "event"],
        rows: [],
        complete: true,
      },
    },
    csv: {
      summary: "The same as CSV",
      request: {
        path: "/stats?from=2001-02-03&to=2001-02-04&by=day,event",
        headers: { Accept: "text/csv" },
      },
      status: 200,
      answer: "day,event,events\r\n",
    },
    invalid: problemExample(
      "A range that is too long",
      {
        reason: "invalid_request",
        faults: [
          {
            pointer: "/from",
            detail: "begins 24 hours before to, at most 6 for this by: ask for a shorter range or a coarser unit",
            limit: 6,
            actual: 24,
          },
        ],
      },
      { path: "/stats?from=2001-02-03&to=2001-02-04&by=minute" },
    ),
  },
  problems: [...OF_READS],
};

const properties: Operation = {
  method: "get",
  path: "/stats/properties",
  operationId: "propertiesOfEvent",
  tag: "All users",
  summary: "Count the most frequent values of an event's properties",
  description:
    "Covers the newest 10,000 events with the name among the newest 100,000 of the range, which may have 31 days. Shows the 30 " +
    "most frequent properties, and for each the 20 most frequent values.",
  key: "read",
  parameters: queryParameters(propertiesQuery, { ...RANGE, event: "Only events of this name." }),
  answers: {
    200: {
      description: "The properties, the most frequent first.",
      content: {
        "application/json": record({
          event: textOrNull,
          from: time,
          to: time,
          events: { ...count, description: "How many events were examined." },
          complete: { type: "boolean", description: "Whether these are all events of the range." },
          properties: {
            type: "array",
            items: record({
              property: text,
              events: count,
              distinct: { ...count, description: "How many different values there are." },
              values: {
                type: "array",
                items: record({
                  value: { ...textOrNull, description: "As text, cut to 200 characters; an object as JSON." },
                  events: count,
                }),
              },
            }),
          },
        }),
        "text/csv": CSV,
      },
    },
  },
  examples: {
    of_an_event: {
      summary: "An event that did not happen on this day",
      request: { path: "/stats/properties?event=signed_up&from=2001-02-03&to=2001-02-04" },
      status: 200,
      answer: {
        event: "signed_up",
        from: "2001-02-03T00:00:00.000Z",
        to: "2001-02-04T00:00:00.000Z",
        events: 0,
        complete: true,
        properties: [],
      },
    },
    csv: {
      summary: "The same as CSV",
      request: {
        path: "/stats/properties?event=signed_up&from=2001-02-03&to=2001-02-04",
        headers: { Accept: "text/csv" },
      },
      status: 200,
      answer: "property,value,events\r\n",
    },
    invalid: problemExample(
      "An empty name",
      { reason: "invalid_request", faults: [{ pointer: "/event", detail: "is empty" }] },
      { path: "/stats/properties?event=" },
    ),
  },
  problems: [...OF_READS],
};

export const statsOperations: Operation[] = [stats, properties];
