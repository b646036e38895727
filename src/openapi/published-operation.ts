import type { KeyKind } from "../http/keys.ts";
import type { JsonSchema, Operation } from "./operation.ts";
import { responsesOf } from "./published-responses.ts";

/** The names of the two kinds of key among the document's security schemes. */
const SECURITY_SCHEMES: Record<KeyKind, string> = { write: "writeKey", read: "readKey" };

/**
 * An operation in OpenAPI's form. Aliases are listed in the description and as `x-aliases`, and have no path item of
 * their own. A path item that refers to the same operation would repeat its `operationId`: OpenAPI forbids that,
 * generators fail on it, and Swagger UI would unfold all of them at once.
 */
export function published(operation: Operation): JsonSchema {
  const { operationId, tag, summary, key, aliases, parameters, body } = operation;
  const description = descriptionOf(operation);
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(aliases && { "x-aliases": aliases }),
    security: key === null ? [] : [{ [SECURITY_SCHEMES[key]]: [] }],
    ...(parameters && { parameters }),
    ...(body && { requestBody: { required: true, content: requestContent(operation, body) } }),
    responses: responsesOf(operation),
  };
}

function descriptionOf({ description, aliases = [] }: Operation): string {
  const also = aliases.length === 0 ? "" : `The same at ${aliases.map((path) => `\`${path}\``).join(", ")}.`;
  return [description, also].filter(Boolean).join(" ");
}

function requestContent({ examples }: Operation, body: Record<string, JsonSchema>): JsonSchema {
  const ofType = (mediaType: string) =>
    Object.entries(examples)
      .filter(([, { request }]) => request && "body" in request)
      .filter(([, { request }]) => (request?.headers?.["Content-Type"] ?? "application/json") === mediaType)
      .map(([name, { summary, request }]) => [name, { summary, value: request?.body }]);
  return Object.fromEntries(
    Object.entries(body).map(([mediaType, schema]) => [
      mediaType,
      { schema, examples: Object.fromEntries(ofType(mediaType)) as JsonSchema },
    ]),
  );
}
