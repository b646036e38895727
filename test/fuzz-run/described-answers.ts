import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Answer } from "./connection.ts";
import { type DescribedResponse, type Description, readingsOf, type Route, routesOf } from "./description.ts";
import type { FuzzRequest } from "./fuzz-request.ts";
import type { JsonSchema } from "./sample-of.ts";

/** The answer to a preflight and the upgrade to a WebSocket belong to HTTP and are not described. */
const UNDESCRIBED = new Set([101, 204]);

/** Answers that may come without a route: there is nothing at the path, not with this method, or not for this client. */
const ANYWHERE: Record<number, string> = {
  401: "no_read_key",
  403: "origin_not_allowed",
  404: "UnknownPath",
  405: "UnknownMethod",
};

/** Compares answers with the deployment's own description of the route and the status. */
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

  /** Says how an answer differs from the description. Null if it does not. */
  faultOf({ method, target, headers: sent }: FuzzRequest, answer: Answer): string | null {
    if (UNDESCRIBED.has(answer.status)) return null;
    // The runtime treats a request for a WebSocket as a GET, unless it requests another upgrade as well.
    const isSocket = sent.some(([name, value]) => name === "Upgrade" && value === "websocket");
    const methods = method === "HEAD" ? ["GET"] : isSocket ? ["GET", method] : [method];
    const responses = readingsOf(this.#routes, target).flatMap((routes) =>
      methods.flatMap((read) => this.#responsesOf(routes, read, answer.status)),
    );
    // A path may match several described routes, so it is enough if one of them has the answer.
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
    // No schema can describe a page for a browser or an answer without a body.
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
