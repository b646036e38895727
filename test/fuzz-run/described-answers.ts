import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Answer } from "./connection.ts";
import { type DescribedResponse, type Description, readingsOf, type Route, routesOf } from "./description.ts";
import type { FuzzRequest } from "./fuzz-request.ts";
import type { JsonSchema } from "./sample-of.ts";

/** The preflight's answer, and the upgrade to a WebSocket, are of HTTP's own making and described nowhere. */
const UNDESCRIBED = new Set([101, 204]);

/** What is described once for all that is no route: nothing is there, not with this method, or not for everybody. */
const ANYWHERE: Record<number, string> = {
  401: "no_read_key",
  403: "origin_not_allowed",
  404: "UnknownPath",
  405: "UnknownMethod",
};

/** Holds answers to what the deployment's own description says of the route and the status. */
export class DescribedAnswers {
  readonly #description: Description;
  readonly #routes: Route[];
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });
  readonly #validators = new Map<JsonSchema, ValidateFunction>();

  constructor(description: Description) {
    this.#description = description;
    this.#routes = routesOf(description);
    this.#ajv.addSchema({ $id: "tracklog:", components: description.components });
  }

  /** What an answer has that is not described, or null if it is as described. */
  faultOf({ method, target, headers: sent }: FuzzRequest, answer: Answer): string | null {
    if (UNDESCRIBED.has(answer.status)) return null;
    // The runtime takes what asks for a WebSocket as a GET, unless it asks for something else as well.
    const isSocket = sent.some(([name, value]) => name === "Upgrade" && value === "websocket");
    const methods = method === "HEAD" ? ["GET"] : isSocket ? ["GET", method] : [method];
    const responses = readingsOf(this.#routes, target).flatMap((routes) =>
      methods.flatMap((read) => this.#responsesOf(routes, read, answer.status)),
    );
    // A path may be read as another one that is described too, so it is enough if one of them has the answer.
    if (responses.length === 0) return `the status ${answer.status} is not described for this route`;
    if (answer.isStream || method === "HEAD") return null;
    const faults = responses.map((response) => this.#faultIn(response, answer.headers, answer.body));
    return faults.includes(null) ? null : faults[0]!;
  }

  #responsesOf(routes: readonly Route[], method: string, status: number): DescribedResponse[] {
    const own = routes.filter((route) => route.method === method);
    if (own.length > 0) return own.flatMap(({ operation }) => operation.responses[status] ?? []);
    const name = ANYWHERE[status];
    return name === undefined ? [] : [this.#description.components.responses[name]!];
  }

  #faultIn({ $ref, ...response }: DescribedResponse, headers: Map<string, string>, body: Buffer): string | null {
    if ($ref !== undefined)
      return this.#faultIn(this.#description.components.responses[$ref.split("/").pop()!]!, headers, body);
    const missing = Object.keys(response.headers ?? {}).find((name) => !headers.has(name.toLowerCase()));
    if (missing !== undefined) return `the header ${missing} is missing`;
    const sent = headers.get("content-type") ?? "";
    // A page for a browser, and an answer without a body, have nothing that a schema could say.
    if (sent.startsWith("text/html") || !response.content || body.length === 0) return null;
    const content = Object.entries(response.content).find(([type]) => sameType(type, sent))?.[1];
    if (!content) return `the content type ${sent} is not described`;
    if (!/\bjson\b/.test(sent) || sent.includes("ndjson")) return null;
    let parsed: unknown;
    try {
      parsed = JSON.parse(body.toString("utf8"));
    } catch {
      return "the body is not JSON";
    }
    const validate = this.#validatorOf(content.schema);
    return validate(parsed) ? null : this.#ajv.errorsText(validate.errors);
  }

  #validatorOf(schema: JsonSchema): ValidateFunction {
    let validate = this.#validators.get(schema);
    if (!validate) {
      const text = JSON.stringify(schema).replaceAll('"#/components/', '"tracklog:#/components/');
      validate = this.#ajv.compile(JSON.parse(text) as object);
      this.#validators.set(schema, validate);
    }
    return validate;
  }
}

function sameType(a: string, b: string): boolean {
  return a.split(";")[0]!.trim() === b.split(";")[0]!.trim();
}
