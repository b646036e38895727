import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startWorker } from "../sdks/running-worker.ts";

/** The document, loosely typed. */
// oxlint-disable-next-line typescript/no-explicit-any -- the validator says whether it is what it should be
type Loose = Record<string, any>;

interface Content {
  where: string;
  name: string;
  schema: Loose;
  value: unknown;
}

let worker: Awaited<ReturnType<typeof startWorker>>;
let text: string;
let document: Loose;

beforeAll(async () => {
  worker = await startWorker();
  text = await (await fetch(`${worker.url}/openapi.json`)).text();
  document = JSON.parse(text) as Loose;
});
afterAll(() => worker.close());

function examplesOf(where: string, content: Record<string, Loose> = {}): Content[] {
  return Object.values(content).flatMap(({ schema, examples = {} }) =>
    Object.entries(examples as Record<string, Loose>).map(([name, example]) => {
      const value = resolved(example)["value"] as unknown;
      return { where: `${where} ${name}`, name, schema: schema as Loose, value };
    }),
  );
}

/** Resolves a reference within the document. */
function resolved(thing: Loose): Loose {
  const [, , kind, name] = (thing["$ref"] as string | undefined)?.split("/") ?? [];
  return kind && name ? (document["components"][kind][name] as Loose) : thing;
}

/** Validates a value by a schema of the document. Returns what is wrong, or null. */
function checker() {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(JSON.parse(text.replaceAll('"#/components/', '"tracklog#/components/')) as Loose, "tracklog");
  return (schema: Loose, value: unknown): string | null => {
    const absolute = JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"tracklog#/components/')) as Loose;
    return ajv.validate(absolute, value) ? null : ajv.errorsText();
  };
}

function operations() {
  return Object.entries(document["paths"] as Record<string, Loose>).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ id: `${method} ${path}`, operation: operation as Loose })),
  );
}

describe("GET /openapi.json", () => {
  it("is a valid OpenAPI 3.1 document", async ({ expect }) => {
    const validator = new Validator();
    expect(await validator.validate(document)).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
    expect(() => validator.resolveRefs()).not.toThrow();
  });

  it("has only answers that match their schemas", ({ expect }) => {
    const faultOf = checker();
    const answers = operations().flatMap(({ id, operation }) =>
      Object.entries(operation["responses"] as Record<string, Loose>).flatMap(([status, response]) =>
        examplesOf(`${id} ${status}`, resolved(response)["content"] as Record<string, Loose>),
      ),
    );
    expect(answers.length).toBeGreaterThan(100);
    for (const { where, schema, value } of answers) expect(faultOf(schema, value), where).toBeNull();
  });

  it("has a schema for events that accepts what the API accepts, and refuses what it refuses", ({ expect }) => {
    const faultOf = checker();
    const { track } = Object.fromEntries(operations().map(({ operation }) => [operation["operationId"], operation]));
    const bodies = examplesOf("track", track!["requestBody"].content as Record<string, Loose>);
    const refused = bodies.filter(({ schema, value }) => faultOf(schema, value) !== null).map(({ name }) => name);
    expect(refused.sort()).toEqual(["all_refused", "not_json", "refused", "some_refused"]);
  });
});
