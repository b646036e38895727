import type { KeyKind } from "../http/keys.ts";
import type { Example } from "./example.ts";
import { SHARED_PROBLEMS, type SharedProblem } from "./shared-problems.ts";

export type JsonSchema = Record<string, unknown>;

export interface Operation {
  method: "get" | "post" | "put" | "delete";
  /** With parameters in braces. */
  path: string;
  operationId: string;
  tag: string;
  summary: string;
  description?: string;
  key: KeyKind | null;
  parameters?: JsonSchema[];
  /** Schemas of the body by media type. */
  body?: Record<string, JsonSchema>;
  /** Schemas of the answers that are no problems, by status and media type. */
  answers: Record<number, { description: string; content: Record<string, JsonSchema> }>;
  /** The first one is that of a success, and the request that the shared problems are answers to. */
  examples: Record<string, Example>;
  problems: readonly SharedProblem[];
}

const PROBLEM = "application/problem+json";

const DESCRIPTIONS: Record<number, string> = {
  400: "What was sent is invalid: nothing of it was stored.",
  401: "No valid key.",
  404: "Nothing is stored of this user.",
  413: "The body is too large.",
  415: "The body's encoding is not supported.",
  429: "Too much at once. Send the whole request again after `Retry-After`: what was stored is not stored twice.",
  500: "A bug. The request may be sent again.",
  503: "Away, or not configured. Send the whole request again after `Retry-After`: what was stored is not stored twice.",
};

const HEADERS: Record<number, string[]> = {
  401: ["WWW-Authenticate"],
  415: ["Accept-Encoding"],
  429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
  503: ["Retry-After"],
};

const SECURITY: Record<KeyKind, Record<string, []>[]> = {
  write: [{ bearer: [] }, { basic: [] }, { apiKey: [] }, { writeKey: [] }],
  read: [{ bearer: [] }, { basic: [] }, { apiKey: [] }],
};

/** An operation as OpenAPI writes it. */
export function published(operation: Operation): JsonSchema {
  const { operationId, tag, summary, description, key, parameters, body } = operation;
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description && { description }),
    security: key === null ? [] : SECURITY[key],
    ...(parameters && { parameters }),
    ...(body && { requestBody: { required: true, content: requestContent(operation, body) } }),
    responses: responsesOf(operation),
  };
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

function responsesOf({ examples, answers, problems }: Operation): JsonSchema {
  const shared = problems.map((name) => ({ name, status: SHARED_PROBLEMS[name].status }));
  const answered = [...Object.values(examples), ...shared].map(({ status }) => status);
  const statuses = new Set([...Object.keys(answers).map(Number), ...answered]);
  const responseOf = (status: number) => {
    const own = Object.entries(examples).filter(([, example]) => example.status === status);
    const answer = answers[status];
    if (answer) return { description: answer.description, content: contentOf(answer.content, own) };
    const refs = shared.filter((problem) => problem.status === status).map(({ name }) => [name, exampleRef(name)]);
    const all = { ...publishedExamples(own), ...Object.fromEntries(refs) } as JsonSchema;
    return {
      description: DESCRIPTIONS[status]!,
      headers: Object.fromEntries(
        (HEADERS[status] ?? []).map((name) => [name, { required: true, schema: { type: "string" } }]),
      ),
      content: { [PROBLEM]: { schema: { $ref: "#/components/schemas/Problem" }, examples: all } },
    };
  };
  return Object.fromEntries([...statuses].sort((a, b) => a - b).map((status) => [String(status), responseOf(status)]));
}

function contentOf(content: Record<string, JsonSchema>, examples: [string, Example][]): JsonSchema {
  const [first] = Object.keys(content);
  return Object.fromEntries(
    Object.entries(content).map(([mediaType, schema]) => {
      const ofType = examples.filter(([, { request }]) => (request?.headers?.["Accept"] ?? first) === mediaType);
      return [mediaType, { schema, examples: publishedExamples(ofType) }];
    }),
  );
}

function publishedExamples(examples: [string, Example][]): JsonSchema {
  return Object.fromEntries(examples.map(([name, example]) => [name, publishedExample(example)]));
}

/** The body is published with the operation's. */
export function publishedExample({ summary, request = {}, after, answer }: Example): JsonSchema {
  const { body: _, ...rest } = request;
  return {
    summary,
    ...(Object.keys(rest).length > 0 && { "x-request": rest }),
    ...(after && { "x-after": after }),
    value: answer,
  };
}

function exampleRef(name: string): JsonSchema {
  return { $ref: `#/components/examples/${name}` };
}
