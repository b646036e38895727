import { type ConversionConfig, toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import type { JsonSchema } from "./operation.ts";

/**
 * What a Valibot schema accepts, as JSON Schema. Checks that JSON Schema cannot express are left to the descriptions,
 * so the published schema may accept more than the API, but never less.
 */
export function publishedSchema(schema: v.GenericSchema): JsonSchema {
  const { $schema: _, ...published } = toJsonSchema(schema, CONVERSION);
  return published;
}

const CONVERSION: ConversionConfig = {
  typeMode: "input",
  target: "draft-2020-12",
  errorMode: "ignore",
  // The only custom schema of the contract is its free object.
  overrideSchema: ({ valibotSchema }) => (valibotSchema.type === "custom" ? { type: "object" } : undefined),
  // JSON Schema counts code points, too.
  overrideAction: ({ valibotAction, jsonSchema }) =>
    valibotAction.type === "max_code_points"
      ? {
          ...jsonSchema,
          maxLength: (valibotAction as unknown as v.MaxCodePointsAction<string, number, undefined>).requirement,
        }
      : undefined,
};
