import type { Operation } from "../operation.ts";
import { SEGMENT_TAG } from "./segment.ts";
import { OF_WRITES } from "../shared-problems.ts";

const COMMON = { method: "get", tag: SEGMENT_TAG } as const;

const SOURCE_CONFIG = {
  source: {
    id: "tracklog",
    name: "Tracklog",
    workspaceId: "tracklog",
    enabled: true,
    config: { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } },
    destinations: [],
  },
};

const projectSettings: Operation = {
  ...COMMON,
  path: "/v1/projects/{key}/settings",
  operationId: "projectSettings",
  summary: "Settings that Segment's browser SDK fetches to start",
  description: "The key is in the path.",
  key: null,
  parameters: [
    { name: "key", in: "path", required: true, description: "A write key.", schema: { type: "string" }, example: "k1" },
  ],
  answers: { 200: { description: "The settings.", content: { "application/json": { type: "object" } } } },
  examples: {
    settings: {
      summary: "Settings",
      status: 200,
      answer: {
        integrations: {
          "Segment.io": { apiKey: "k1", apiHost: "tracklog.example.com/v1", protocol: "https" },
        },
        plan: { track: { __default: { enabled: true, integrations: {} } } },
        metrics: { sampleRate: 0, host: "tracklog.example.com/v1" },
      },
    },
  },
  problems: ["unknown_write_key", ...OF_WRITES.filter((name) => name !== "no_write_key")],
};

const sourceConfig: Operation = {
  ...COMMON,
  path: "/sourceConfig",
  operationId: "sourceConfig",
  summary: "Configuration that RudderStack's browser SDK fetches to start",
  key: "write",
  answers: { 200: { description: "The configuration.", content: { "application/json": { type: "object" } } } },
  examples: { config: { summary: "Configuration", status: 200, answer: SOURCE_CONFIG } },
  problems: [...OF_WRITES],
};

export const sdkSettingsOperations = [projectSettings, sourceConfig];
