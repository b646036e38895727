import type { Example } from "./example.ts";
import type { JsonSchema, Operation } from "./operation.ts";
import { SHARED_PROBLEMS, type SharedProblem } from "./shared-problems.ts";

const PROBLEM = "application/problem+json";

const DESCRIPTIONS: Record<number, string> = {
  400: "The request is invalid, and nothing was stored.",
  401: "No valid key.",
  403: "The page may not write here: nothing was stored.",
  404: "Nothing is stored for this user.",
  413: "The body is too large.",
  415: "The body's encoding is not supported.",
  429: "Too many requests or events. Send the whole request again after `Retry-After`: what was stored is not stored twice.",
  500: "A bug. You can send the request again.",
  503: "Unavailable or not configured. Send the whole request again after `Retry-After`: what was stored is not stored twice.",
};

const HEADERS: Record<number, string[]> = {
  401: ["WWW-Authenticate"],
  415: ["Accept-Encoding"],
  429: ["Retry-After", "RateLimit", "RateLimit-Policy"],
  503: ["Retry-After"],
};

/**
 * An operation's answers by status. Answers that are the same for many operations are published once and referred to.
 */
export function responsesOf({ examples, answers, problems }: Operation): JsonSchema {
  const refused = problems.map((name) => SHARED_PROBLEMS[name].status);
  const answered = Object.values(examples).map(({ status }) => status);
  const statuses = new Set([...Object.keys(answers).map(Number), ...answered, ...refused]);
  const responseOf = (status: number) => {
    const own = Object.entries(examples).filter(([, example]) => example.status === status);
    const answer = answers[status];
    if (answer) return { description: answer.description, content: contentOf(answer.content, own) };
    const names = namesOf(problems, status);
    return own.length === 0 ? { $ref: `#/components/responses/${sharedName(names)}` } : refusal(status, own, names);
  };
  return Object.fromEntries([...statuses].sort((a, b) => a - b).map((status) => [String(status), responseOf(status)]));
}

/** The answers of all operations that consist only of shared problems, by the name that refers to them. */
export function sharedResponses(operations: Operation[]): Record<string, JsonSchema> {
  const shared: Record<string, JsonSchema> = {};
  for (const { examples, problems } of operations)
    for (const { status } of problems.map((name) => SHARED_PROBLEMS[name])) {
      const names = namesOf(problems, status);
      const isOwn = Object.values(examples).some((example) => example.status === status);
      if (!isOwn) shared[sharedName(names)] ??= refusal(status, [], names);
    }
  return shared;
}

function namesOf(problems: readonly SharedProblem[], status: number): SharedProblem[] {
  return problems.filter((name) => SHARED_PROBLEMS[name].status === status).sort();
}

function sharedName(names: SharedProblem[]): string {
  return names.join("_or_");
}

function refusal(status: number, own: [string, Example][], shared: SharedProblem[]): JsonSchema {
  const refs = shared.map((name) => [name, { $ref: `#/components/examples/${name}` }]);
  const examples = { ...publishedExamples(own), ...Object.fromEntries(refs) } as JsonSchema;
  return {
    description: DESCRIPTIONS[status]!,
    headers: Object.fromEntries(
      (HEADERS[status] ?? []).map((name) => [name, { required: true, schema: { type: "string" } }]),
    ),
    content: { [PROBLEM]: { schema: { $ref: "#/components/schemas/Problem" }, examples } },
  };
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

/** An example without its request's body, which is published with the operation. */
export function publishedExample({ summary, request = {}, after, answer }: Example): JsonSchema {
  const { body: _, ...rest } = request;
  return {
    summary,
    ...(Object.keys(rest).length > 0 && { "x-request": rest }),
    ...(after && { "x-after": after }),
    value: answer,
  };
}
