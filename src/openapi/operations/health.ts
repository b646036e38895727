import { version } from "../../../package.json";
import type { Operation } from "../operation.ts";
import { problemExample } from "../shared-problems.ts";

const DATABASES = {
  type: "object",
  description: "Each bound database; told to a read key only.",
  additionalProperties: { enum: ["ok", "timeout", "unmigrated", "failed"] },
};

export const healthOperation: Operation = {
  method: "get",
  path: "/health",
  operationId: "health",
  tag: "About",
  summary: "Whether D1 is there",
  description:
    "For monitors. A 503 does not mean that events are refused: they wait in the users' logs until D1 is back. With a read " +
    "key, or where none is needed, the answer tells of each database.",
  key: null,
  answers: {
    200: {
      description: "Every bound database answers and has its table.",
      content: {
        "application/json": {
          type: "object",
          required: ["success", "status", "version"],
          properties: {
            success: { const: true },
            status: { const: "ok" },
            version: { type: "string" },
            databases: DATABASES,
          },
        },
      },
    },
  },
  examples: {
    healthy: {
      summary: "All is well",
      request: {},
      status: 200,
      answer: { success: true, status: "ok", version, databases: { DB: "ok" } },
    },
    unhealthy: problemExample("D1 is away", { reason: "unhealthy" }, {}, { version, databases: { DB: "failed" } }),
  },
  problems: [],
};
