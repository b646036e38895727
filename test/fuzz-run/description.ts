import type { JsonSchema } from "./sample-of.ts";

/** A parameter in OpenAPI's form. */
export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  schema: JsonSchema;
}

export interface DescribedResponse {
  $ref?: string;
  content?: Record<string, { schema: JsonSchema }>;
  headers?: Record<string, unknown>;
}

interface DescribedOperation {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: JsonSchema; examples?: Record<string, { value: unknown }> }> };
  responses: Record<string, DescribedResponse>;
  security?: Record<string, unknown>[];
  "x-aliases"?: string[];
}

/** The parts of an OpenAPI document that are read here. */
export interface Description {
  paths: Record<string, Record<string, DescribedOperation>>;
  components: { schemas: Record<string, JsonSchema>; responses: Record<string, DescribedResponse> };
}

export interface Route {
  method: string;
  /** The path with its parameters in braces. */
  template: string;
  operation: DescribedOperation;
}

/** Every described route, including aliases. */
export function routesOf({ paths }: Description): Route[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]) =>
      [path, ...(operation["x-aliases"] ?? [])].map((template) => ({
        method: method.toUpperCase(),
        template,
        operation,
      })),
    ),
  );
}

/**
 * The routes that a target matches, for each way to read it, because it depends on the runtime whether escaped dots are
 * resolved. An extra slash does not matter.
 */
export function readingsOf(routes: readonly Route[], target: string): Route[][] {
  const asSent = target.split(/[?#]/, 1)[0]!;
  const resolved = URL.parse(`http://tracklog.test${target}`)?.pathname ?? asSent;
  return [...new Set([asSent, resolved])].map((path) => {
    const trimmed = path.replace(/^\/{2,}/, "/").replace(/(?<=.)\/$/, "");
    return routes.filter(({ template }) => patternOf(template).test(trimmed));
  });
}

const patterns = new Map<string, RegExp>();

function patternOf(template: string): RegExp {
  let pattern = patterns.get(template);
  if (!pattern) {
    // A parameter matches one segment of a path, but the names of the archive's objects have slashes.
    const source = template
      .replace(/(?<=.)\/$/, "")
      .replaceAll(/\{(\w+)\}/g, (_, name) => (name === "name" ? ".+" : "[^/]+"));
    pattern = new RegExp(`^${source}$`);
    patterns.set(template, pattern);
  }
  return pattern;
}
