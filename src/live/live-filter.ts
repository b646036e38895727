import * as v from "valibot";
import { MAX_LIVE_FILTER_CHARACTERS } from "../limits.ts";

// Pure.

export const VERDICTS = ["created", "updated", "duplicate", "suppressed", "rejected"] as const;

type LiveStatus = (typeof VERDICTS)[number];

const text = v.optional(
  v.pipe(
    v.string(),
    v.nonEmpty("is empty"),
    v.maxLength(MAX_LIVE_FILTER_CHARACTERS, `has more than ${MAX_LIVE_FILTER_CHARACTERS} characters`),
  ),
);

/**
 * What a viewer wants to see, under the names of the query's parameters. A text matches every value that contains it,
 * in any case; in double quotes it matches only an equal value. `text` searches the whole event.
 */
export const liveFilter = v.strictObject({
  verdict: v.optional(
    v.pipe(
      v.string(),
      v.transform((list) => list.split(",")),
      v.array(v.picklist(VERDICTS, `must be a list of ${VERDICTS.join(", ")}`)),
    ),
  ),
  event: text,
  user_id: text,
  key: text,
  text,
});

export type LiveFilter = v.InferOutput<typeof liveFilter>;

/** The fields of an event that a filter looks at. */
export interface Filterable {
  status: LiveStatus;
  event: string | null;
  userId: string | null;
  /** The name of the write key. */
  key: string | null;
}

/** Whether an event passes a filter, apart from its `text`. */
export function matchesFields(filter: LiveFilter, { status, event, userId, key }: Filterable): boolean {
  return (
    (filter.verdict === undefined || filter.verdict.includes(status)) &&
    matches(filter.event, event) &&
    matches(filter.user_id, userId) &&
    matches(filter.key, key)
  );
}

/** Whether an event's line contains a filter's `text`. */
export function matchesText(filter: LiveFilter, line: string): boolean {
  // The line is JSON, so quotes and backslashes are escaped in it.
  return filter.text === undefined || holds(line, JSON.stringify(filter.text).slice(1, -1));
}

function matches(wanted: string | undefined, value: string | null): boolean {
  if (wanted === undefined) return true;
  if (value === null) return false;
  const isWhole = wanted.length > 2 && wanted.startsWith('"') && wanted.endsWith('"');
  return isWhole ? value === wanted.slice(1, -1) : holds(value, wanted);
}

function holds(value: string, part: string): boolean {
  return value.toLowerCase().includes(part.toLowerCase());
}
