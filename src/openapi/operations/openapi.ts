import type { Operation } from "../operation.ts";

export const openapiOperation: Operation = {
  method: "get",
  path: "/openapi.json",
  operationId: "openapi",
  tag: "About",
  summary: "Read this document",
  key: null,
  answers: {
    200: {
      description: "An OpenAPI 3.1 document.",
      content: {
        "application/json": {
          type: "object",
          required: ["openapi", "info", "paths", "components"],
          properties: { openapi: { type: "string" } },
        },
      },
    },
  },
  // An example would have to contain itself.
  examples: {},
  problems: [],
};
