import { version } from "../../../package.json";
import type { Operation } from "../operation.ts";

const text = { type: "string" };

export const startPageOperation: Operation = {
  method: "get",
  path: "/",
  operationId: "startPage",
  tag: "About",
  summary: "Start here",
  description: "A browser, which asks for `text/html`, gets the dashboard instead.",
  key: null,
  answers: {
    200: {
      description: "The name, the version and the paths of the documentation.",
      content: {
        "application/json": {
          type: "object",
          required: ["success", "name", "version", "docs", "openapi", "health"],
          properties: {
            success: { const: true },
            name: { const: "tracklog" },
            version: text,
            docs: text,
            openapi: text,
            health: text,
          },
        },
      },
    },
  },
  examples: {
    start: {
      summary: "For a client",
      status: 200,
      answer: {
        success: true,
        name: "tracklog",
        version,
        docs: "/docs",
        openapi: "/openapi.json",
        health: "/health",
      },
    },
  },
  problems: [],
};
