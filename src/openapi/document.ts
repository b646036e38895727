import { version } from "../../package.json";
import { databasesOperation } from "./operations/databases.ts";
import { feedOperation } from "./operations/feed.ts";
import { healthOperation } from "./operations/health.ts";
import { openapiOperation } from "./operations/openapi.ts";
import { type JsonSchema, type Operation, published, publishedExample } from "./operation.ts";
import { schemas } from "./schemas.ts";
import { sdkSettingsOperations } from "./operations/sdk-settings.ts";
import { segmentOperations } from "./operations/segment.ts";
import { problemExample, SHARED_PROBLEMS } from "./shared-problems.ts";
import { statsOperations } from "./operations/stats.ts";
import { startPageOperation } from "./operations/start-page.ts";
import { trackOperation } from "./operations/track.ts";
import { userOperations } from "./operations/users.ts";

const DESCRIPTION = `An event-tracking endpoint: exact, ordered, never lost.

Every route but this document's and the health check's needs a key: a write key to send, a read key to read and erase. A deployment for local
development, \`npm run dev\`, needs none.

A 2xx is durable. On 429 and 503, send the whole request again: what was stored is not stored twice. Everything that is
refused is answered with an RFC 9457 problem; an unknown path is 404 and an unknown method 405, as in
\`components.responses\`.`;

/** The OpenAPI document of the whole API. */
export function openapiDocument() {
  const operations = [
    trackOperation,
    ...userOperations,
    feedOperation,
    ...segmentOperations,
    ...sdkSettingsOperations,
    ...statsOperations,
    databasesOperation,
    healthOperation,
    openapiOperation,
    startPageOperation,
  ];
  return {
    openapi: "3.1.0",
    info: { title: "Tracklog", version, description: DESCRIPTION, license: { name: "MIT", identifier: "MIT" } },
    servers: [{ url: "/" }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: pathsOf(operations),
    components: {
      schemas: schemas(),
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer" },
        basic: { type: "http", scheme: "basic", description: "The key is the user name; any password." },
        apiKey: { type: "apiKey", in: "header", name: "x-api-key" },
        writeKey: { type: "apiKey", in: "query", name: "writeKey", description: "For beacons." },
      },
      examples: Object.fromEntries(
        Object.entries(SHARED_PROBLEMS).map(([name, example]) => [name, publishedExample(example)]),
      ),
      responses: {
        UnknownPath: everywhere(
          "There is nothing at this path.",
          problemExample(
            "An unknown path",
            { reason: "not_found", detail: "There is nothing at this path." },
            { method: "GET", path: "/nowhere" },
          ),
        ),
        UnknownMethod: everywhere(
          "The path does not take this method.",
          problemExample(
            "An unknown method",
            { reason: "method_not_allowed", allow: ["POST"] },
            { method: "GET", path: "/track" },
          ),
          "Allow",
        ),
      },
    },
  };
}

function pathsOf(operations: Operation[]): Record<string, JsonSchema> {
  const paths: Record<string, JsonSchema> = {};
  for (const operation of operations)
    paths[operation.path] = { ...paths[operation.path], [operation.method]: published(operation) };
  return paths;
}

function everywhere(description: string, example: Parameters<typeof publishedExample>[0], header?: string) {
  return {
    description,
    ...(header && { headers: { [header]: { required: true, schema: { type: "string" } } } }),
    content: {
      "application/problem+json": {
        schema: { $ref: "#/components/schemas/Problem" },
        examples: { example: publishedExample(example) },
      },
    },
  };
}
