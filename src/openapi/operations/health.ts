import { version } from "../../../package.json";
import type { Operation } from "../operation.ts";
import { problemExample } from "../shared-problems.ts";

const DATABASES = {
  type: "object",
  description: "Each bound database; only with a read key.",
  additionalProperties: {
    type: "object",
    required: [
      "status",
      "closed",
      "last_write",
      "size_bytes",
      "size_share",
      "incarnation",
      "users_waiting",
      "events_waiting",
      "waiting_since",
    ],
    properties: {
      status: {
        enum: ["ok", "timeout", "unmigrated", "full", "exhausted", "failed", "no_writer", "behind"],
        description:
          "`timeout`: no answer in two seconds. `unmigrated`: it has no tables yet. `full`: it accepts no more rows. `exhausted`: the " +
          "account's rows for today are used up. `failed`: it answers with errors, or did not accept the latest events. " +
          "`no_writer`: an object that writes to it does not answer. `behind`: a user's events have waited for more " +
          "than a minute.",
      },
      closed: { type: "boolean", description: "Whether `CLOSED_DATABASES` names it, so that no new event goes there." },
      last_write: { type: ["string", "null"], format: "date-time", description: "When its feed last grew." },
      size_bytes: { type: ["integer", "null"] },
      size_share: { type: ["number", "null"], description: "The share of the 10 GB that a database may hold." },
      incarnation: {
        type: ["string", "null"],
        description: "Identifies this state of the database; it changes when the database is rebuilt.",
      },
      users_waiting: { type: "integer", description: "How many users have events that it lacks." },
      events_waiting: {
        type: "integer",
        description: "How many events it lacks, as last reported by the users' logs.",
      },
      waiting_since: {
        type: ["string", "null"],
        format: "date-time",
        description: "Since when the oldest of them have waited.",
      },
    },
  },
};

const count = { type: "integer", minimum: 0 };
const time = { type: ["string", "null"], format: "date-time" };

const ARCHIVE = {
  type: "object",
  description:
    "How far the archive of each database was after the last run, if events go to an archive; only with a read key.",
  additionalProperties: {
    type: "object",
    required: ["status"],
    properties: {
      status: {
        enum: ["ok", "failed", "no_archiver"],
        description: "`failed`: the last run failed. `no_archiver`: the object that archives does not answer.",
      },
      last_run: time,
      last_success: { ...time, description: "When a run last left nothing to move." },
      last_error: { type: ["string", "null"] },
      waiting_rows: {
        type: ["integer", "null"],
        description:
          "How many rows are old enough to leave D1, counted up to 100,000; null if they could not be counted.",
      },
      waiting_days: { type: ["integer", "null"], description: "On how many days these rows happened." },
      job: {
        type: ["object", "null"],
        description: "The step that is under way.",
        properties: {
          kind: { enum: ["move", "replace", "remove"] },
          state: { enum: ["planned", "written", "listed"] },
          since: { type: "string", format: "date-time" },
        },
        required: ["kind", "state", "since"],
      },
      archived_files: { ...count, description: "How many files were ever written." },
      archived_rows: count,
      archived_bytes: count,
    },
  },
};

const NOT_THERE = {
  status: "failed",
  closed: false,
  last_write: null,
  size_bytes: null,
  size_share: null,
  incarnation: null,
  users_waiting: 0,
  events_waiting: 0,
  waiting_since: null,
};
const WELL = {
  ...NOT_THERE,
  status: "ok",
  last_write: "2026-01-02T03:04:05.678Z",
  size_bytes: 61_440,
  size_share: 0,
  incarnation: "0f6c2a9be4d1837a",
};

const SETTINGS = {
  type: "object",
  description: "Each variable that cannot be read, and what is used instead; only with a read key.",
  additionalProperties: { type: "string" },
};

export const healthOperation: Operation = {
  method: "get",
  path: "/health",
  operationId: "health",
  tag: "About",
  summary: "Check whether events are accepted and reach D1",
  description:
    "For monitors. While D1 is unavailable, full or behind, events are still accepted: they wait in the users' logs until D1 accepts " +
    "them. While a secret is missing or malformed, requests that need its keys are refused; while `JURISDICTION` cannot be read, all " +
    "requests are. With a read key, or if none is needed, the answer describes each database, and names the secrets and " +
    "variables that cannot be read.",
  key: null,
  answers: {
    200: {
      description: "Every bound database answers and accepts events.",
      content: {
        "application/json": {
          type: "object",
          required: ["success", "status", "version"],
          properties: {
            success: { const: true },
            status: { const: "ok" },
            version: { type: "string" },
            databases: DATABASES,
            archive: ARCHIVE,
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
      after: ["track/sample"],
      status: 200,
      answer: { success: true, status: "ok", version, databases: { DB: WELL } },
    },
    archived: {
      summary: "With an archive",
      request: {},
      after: ["track/sample"],
      status: 200,
      answer: {
        success: true,
        status: "ok",
        version,
        databases: { DB: WELL },
        archive: {
          DB: {
            status: "ok",
            last_run: "2026-01-02T03:10:00.000Z",
            last_success: "2026-01-02T03:10:00.000Z",
            last_error: null,
            waiting_rows: 0,
            waiting_days: 0,
            job: null,
            archived_files: 1,
            archived_rows: 1,
            archived_bytes: 3127,
          },
        },
      },
    },
    not_ready: problemExample(
      "A secret is malformed",
      { reason: "not_ready" },
      {},
      { version, databases: { DB: WELL }, secrets: { WRITE_KEYS: "malformed" } },
    ),
    unhealthy: problemExample(
      "D1 is unavailable",
      { reason: "unhealthy" },
      {},
      { version, databases: { DB: NOT_THERE } },
    ),
  },
  problems: [],
};
