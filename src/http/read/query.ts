import type { Context } from "hono";
import * as v from "valibot";
import { type Fault, faultsOf, jsonPointer } from "../../event/fault.ts";
import { parseTimestamp } from "../../event/timestamp.ts";
import { DEFAULT_PAGE_EVENTS, MAX_PAGE_EVENTS } from "../../limits.ts";

type ParsedQuery<T> = { ok: true; query: T } | { ok: false; faults: Fault[] };

/** Parses the query of a request. Unknown and repeated parameters are faults, so that a mistyped one is not ignored. */
export function parseQuery<T extends v.StrictObjectSchema<v.ObjectEntries, undefined>>(
  c: Context,
  schema: T,
): ParsedQuery<v.InferOutput<T>> {
  const given = c.req.queries();
  const repeated = Object.keys(given).filter((name) => given[name]!.length > 1);
  const input = Object.fromEntries(Object.entries(given).map(([name, [value]]) => [name, value]));
  const parsed = v.safeParse(schema, input);
  if (parsed.success && repeated.length === 0) return { ok: true, query: parsed.output };
  const faults = [
    ...repeated.map((name) => ({ pointer: jsonPointer([name]), detail: "is given more than once" })),
    ...faultsOf(parsed.issues ?? [], input, schema.entries, "is not a parameter of this path"),
  ];
  return { ok: false, faults };
}

/**
 * A point in time in every form that /track accepts, as epoch milliseconds. It may be in the future, as a range's end.
 */
export const pointInTime = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }): number => {
    const isNumber = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(dataset.value);
    const parsed = parseTimestamp(isNumber ? Number(dataset.value) : dataset.value, Infinity);
    if (parsed.ok) return parsed.timestamp;
    addIssue({ message: parsed.reason });
    return NEVER;
  }),
);

const LIMIT = `must be a whole number from 1 to ${MAX_PAGE_EVENTS}`;

/** How many events a page may hold. */
export const pageLimit = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, LIMIT),
    v.transform(Number),
    v.minValue(1, LIMIT),
    v.maxValue(MAX_PAGE_EVENTS, LIMIT),
  ),
  String(DEFAULT_PAGE_EVENTS),
);

/** A value to compare a column with. No event needs to have it; then the answer is empty. */
export const nonEmptyText = v.pipe(v.string(), v.nonEmpty("is empty"));
