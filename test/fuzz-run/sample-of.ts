import type { Dice } from "./random.ts";

/** The part of JSON Schema that the description uses. */
export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  examples?: unknown[];
  [keyword: string]: unknown;
}

const MAX_LENGTH = 300;

/** A value at a schema's limits, or just beyond one of them. */
export function sampleOf(schema: JsonSchema, schemas: Record<string, JsonSchema>, dice: Dice): unknown {
  if (schema.$ref !== undefined) return sampleOf(schemas[schema.$ref.split("/").pop()!]!, schemas, dice);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return dice.one(schema.enum);
  if (schema.examples && dice.hits(0.7)) return dice.one(schema.examples);
  const types = [schema.type ?? []].flat();
  // An object's `anyOf` only says which of its fields are required.
  if (schema.anyOf && types.length === 0) return sampleOf(dice.one(schema.anyOf), schemas, dice);
  switch (dice.one(types)) {
    case "object":
      return sampleObject(schema, schemas, dice);
    case "array": {
      const { items = {}, minItems = 0 } = schema;
      return Array.from({ length: minItems + dice.below(4) }, () => sampleOf(items, schemas, dice));
    }
    case "string":
      return sampleText(schema, dice);
    case "integer":
    case "number":
      return sampleNumber(schema, dice);
    case "boolean":
      return dice.hits(0.5);
    default:
      return null;
  }
}

function sampleObject({ properties = {}, required = [] }: JsonSchema, schemas: Record<string, JsonSchema>, dice: Dice) {
  const names = Object.keys(properties).filter((name) => dice.hits(required.includes(name) ? 0.98 : 0.5));
  return Object.fromEntries(names.map((name) => [name, sampleOf(properties[name]!, schemas, dice)]));
}

function sampleText({ minLength = 0, maxLength = MAX_LENGTH }: JsonSchema, dice: Dice): string {
  const length = dice.one([minLength, minLength - 1, minLength + 1 + dice.below(10), maxLength, maxLength + 1]);
  return dice.one(["a", "é", "\u{1f600}"]).repeat(Math.max(0, length));
}

function sampleNumber({ minimum = -5, maximum = 1e12 }: JsonSchema, dice: Dice): number {
  return dice.one([minimum, minimum - 1, maximum, maximum + 1, minimum + dice.below(100), minimum + 0.5]);
}
