import { version } from "../../package.json";
import { archiveOperations } from "./operations/archive.ts";
import { exportOperation } from "./operations/export.ts";
import { databasesOperation } from "./operations/databases.ts";
import { feedOperation } from "./operations/feed.ts";
import { healthOperation } from "./operations/health.ts";
import { liveOperations } from "./operations/live.ts";
import { metricsOperation } from "./operations/metrics.ts";
import { openapiOperation } from "./operations/openapi.ts";
import type { JsonSchema, Operation } from "./operation.ts";
import { published } from "./published-operation.ts";
import { publishedExample, sharedResponses } from "./published-responses.ts";
import { rejectionOperations } from "./operations/rejections.ts";
import { rebuildOperation } from "./operations/rebuild.ts";
import { schemas } from "./schemas.ts";
import { sdkSettingsOperations } from "./operations/sdk-settings.ts";
import { SEGMENT_TAG, segmentOperations } from "./operations/segment.ts";
import { problemExample, SHARED_PROBLEMS } from "./shared-problems.ts";
import { statsOperations } from "./operations/stats.ts";
import { startPageOperation } from "./operations/start-page.ts";
import { trackOperation } from "./operations/track.ts";
import { userOperations } from "./operations/users.ts";

const DESCRIPTION = `An event-tracking endpoint: exact, ordered, never lost.

Most operations need a key, and each names its kind: a write key to send, a read key to read and erase. The security schemes say how
to send a key. A deployment for local development, \`npm run dev\`, needs none.

A 2xx means that the events are stored durably. After 429 and 503, send the whole request again: nothing is stored twice.
Every refusal is an RFC 9457 problem. An unknown path is 404 and an unknown method 405, as in \`components.responses\`,
unless the request has no key or comes from a page that may not write: then it is 401 or 403.`;

/** Descriptions of tags. The page at /docs folds tags that are `x-folded`. */
const TAGS: Record<string, JsonSchema> = {
  [SEGMENT_TAG]: { description: "For existing SDKs, in which you change only the host.", "x-folded": true },
};

/** The OpenAPI document of the whole API. */
export function openapiDocument() {
  const operations = [
    trackOperation,
    ...userOperations,
    exportOperation,
    feedOperation,
    ...liveOperations,
    ...rejectionOperations,
    ...archiveOperations,
    rebuildOperation,
    ...statsOperations,
    databasesOperation,
    healthOperation,
    metricsOperation,
    openapiOperation,
    startPageOperation,
    // Last, so that a reader sees Tracklog's own routes first.
    ...segmentOperations,
    ...sdkSettingsOperations,
  ];
  return {
    openapi: "3.1.0",
    info: { title: "Tracklog", version, description: DESCRIPTION, license: { name: "MIT", identifier: "MIT" } },
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name, ...TAGS[name] })),
    paths: pathsOf(operations),
    components: {
      schemas: schemas(),
      securitySchemes: {
        writeKey: {
          type: "http",
          scheme: "bearer",
          description:
            "A key from `WRITE_KEYS`, which can only send events. You can also send it as the user name of Basic (any password), as " +
            "the header `x-api-key` or, for beacons, as `writeKey` in the query; in Segment's protocol also as `writeKey` in the body.",
        },
        readKey: {
          type: "http",
          scheme: "bearer",
          description:
            "A key from `READ_KEYS`, which can read and erase. You can also send it as the user name of Basic (any password), or as the header " +
            "`x-api-key`.",
        },
      },
      examples: Object.fromEntries(
        Object.entries(SHARED_PROBLEMS).map(([name, example]) => [name, publishedExample(example)]),
      ),
      responses: {
        ...sharedResponses(operations),
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
