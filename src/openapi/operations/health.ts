import { version } from "../../../package.json";
import type { Operation } from "../operation.ts";
import { problemExample } from "../shared-problems.ts";

const DATABASES = {
  type: "object",
  description: "Each bound database; told to a read key only.",
  additionalProperties: { enum: ["ok", "timeout", "unmigrated", "failed"] },
};

const SETTINGS = {
  type: "object",
  description: "Each variable that cannot be read, and what holds instead; told to a read key only.",
  additionalProperties: { type: "string" },
};

export const healthOperation: Operation = {
  method: "get",
  path: "/health",
  operationId: "health",
  tag: "About",
  summary: "Whether events can come in, and D1 is there",
  description:
    "For monitors. While D1 is away, events are not refused: they wait in the users' logs until it is back. While a secret is " +
    "missing or malformed, what needs its keys is closed. With a read key, or where none is needed, the answer names the " +
    "databases, the secrets and the variables that are not well.",
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
            settings: SETTINGS,
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
    not_ready: problemExample(
      "A secret is malformed",
      { reason: "not_ready" },
      {},
      { version, databases: { DB: "ok" }, secrets: { WRITE_KEYS: "malformed" } },
    ),
    unhealthy: problemExample("D1 is away", { reason: "unhealthy" }, {}, { version, databases: { DB: "failed" } }),
  },
  problems: [],
};
