import * as v from "valibot";
import { DEFAULT_PAGE_EVENTS, MAX_PAGE_EVENTS } from "../limits.ts";
import type { JsonSchema } from "./operation.ts";
import { publishedSchema } from "./published-schema.ts";

/** A limit arrives as text, and its schema can only say that it consists of digits. */
const LIMIT = { type: "integer", minimum: 1, maximum: MAX_PAGE_EVENTS, default: DEFAULT_PAGE_EVENTS };

/** The parameters of a query, with a description of each. */
export function queryParameters<Entries extends v.ObjectEntries>(
  schema: v.StrictObjectSchema<Entries, undefined>,
  descriptions: Record<keyof Entries & string, string>,
): JsonSchema[] {
  return Object.entries<string>(descriptions).map(([name, description]) => ({
    name,
    in: "query",
    required: false,
    description,
    schema: name === "limit" ? LIMIT : publishedSchema(v.unwrap(schema.entries[name] as Optional)),
  }));
}

type Optional = v.OptionalSchema<v.GenericSchema, undefined>;
