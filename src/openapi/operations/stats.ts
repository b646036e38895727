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
  from: "In every form of a timestamp, inclusive. A day before `to` if it is missing.",
  to: "In every form of a timestamp, exclusive. Now if it is missing.",
  format: "`csv` is the same as `Accept: text/csv`.",
};

const CSV = { type: "string", description: "A line for each row, below a line with the names of the columns." };

const statsRow = record(
  {
    minute: time,
    hour: time,
    day: time,
    event: { ...textOrNull, description: "Null for the names beyond the 2,000 that an hour keeps apart." },
    key: { ...textOrNull, description: "The name of the write key, null where none was needed." },
    verdict: { enum: ["created", "updated", "duplicate", "suppressed", "rejected"] },
    events: count,
    users: {
      type: ["integer", "null"],
      description:
        "Distinct users, where they are exact: by `day` alone, and by a time with `event` and `key`. Null for a day of " +
        "more than 200,000 events that the last roll-up has not counted to its end, and for one on which logs went on in " +
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
  summary: "How many events, by time, name, key or verdict",
  description:
    "From counters that are kept for 400 days, also where the events have gone to the archive; hours that were not rolled " +
    "up yet are counted from the events. By `minute` up to 6 hours, by `hour` up to 31 days, else up to 400 days. The " +
    "range is widened to whole minutes, hours or days (UTC). Verdicts are counted by when they were answered, " +
    "everything else by when the event happened; verdicts are rough, the rest is exact.",
  key: "read",
  parameters: queryParameters(statsQuery, {
    ...RANGE,
    by: `Some of ${DIMENSIONS.join(", ")}, separated by commas; empty for one number. \`verdict\` goes with times and \`key\` alone.`,
    event: "Only events of this name.",
    key: "Only what came with the write key of this name; empty: without one.",
  }),
  answers: {
    200: {
      description: "The rows, by time and then by number.",
      content: {
        "application/json": record({
          from: time,
          to: time,
          by: { type: "array", items: { enum: DIMENSIONS } },
          rows: { type: "array", items: statsRow },
          complete: {
            type: "boolean",
            description:
              "False where the numbers lack something: until the next roll-up, after very many events came at once; by " +
              "the minute, the oldest of more than 100,000 events.",
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
            detail:
              "begins 24 hours before to, at most 6 for this by: ask for a shorter range, or by something coarser",
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
  summary: "The most frequent values of an event's properties",
  description:
    "Over the newest 10,000 events of the name among the newest 100,000 of the range, of at most 31 days. Of each " +
    "property the 20 most frequent values, of the event the 30 most frequent properties.",
  key: "read",
  parameters: queryParameters(propertiesQuery, { ...RANGE, event: "Only events of this name." }),
  answers: {
    200: {
      description: "The properties, those of most events first.",
      content: {
        "application/json": record({
          event: textOrNull,
          from: time,
          to: time,
          events: { ...count, description: "How many events were looked at." },
          complete: { type: "boolean", description: "Whether these are all of the range." },
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
      summary: "An event that nobody has sent on this day",
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
