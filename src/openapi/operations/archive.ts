import type { Operation } from "../operation.ts";
import { schemaRef } from "../schemas.ts";
import { OF_READS, problemExample } from "../shared-problems.ts";

const COMMON = { tag: "All users", key: "read", problems: [...OF_READS] } as const;

const PARQUET = "application/vnd.apache.parquet";
const NAME = "events/v1/day=2020-11-23/db=DB/chunk=000000-r0.parquet";

const count = { type: "integer", minimum: 0 };
const text = { type: "string" };
const database = { type: "string", description: "The binding of a D1 database." };

const NOT_FOUND = {
  description: "This deployment has no archive, or the archive has no such file.",
  content: { "application/problem+json": schemaRef("Problem") },
};

const NO_ARCHIVE = problemExample("A deployment without an archive", {
  reason: "not_found",
  detail: "This deployment has no archive: no R2 bucket is bound as ARCHIVE.",
});

/** An object of these fields, all of them required. */
function record(properties: Record<string, object>) {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}

const manifest: Operation = {
  ...COMMON,
  method: "get",
  path: "/archive/manifest",
  operationId: "archiveManifest",
  summary: "List the archive's files",
  description:
    "The Parquet files of old events, for each D1 database. Other files may replace a file at any time, so ask again " +
    "if one is missing. While an event moves it may be in D1 as well: among rows with equal `user_id`, `generation` and `seq`, the " +
    "one with the greatest `revision` is valid.",
  answers: {
    200: {
      description: "The files.",
      content: {
        "application/json": record({
          manifests: {
            type: "array",
            items: record({
              version: { ...count, description: "Grows with each change." },
              database,
              objects: {
                type: "array",
                items: record({
                  name: { ...text, description: "The file's name, for /archive/objects/{name}." },
                  day: { type: "string", format: "date", description: "The day of its events, in UTC." },
                  rows: count,
                  bytes: count,
                  text_bytes: { ...count, description: "The size of its properties and contexts as text, in bytes." },
                  etag: text,
                }),
              },
            }),
          },
        }),
      },
    },
    404: NOT_FOUND,
  },
  examples: {
    archived: {
      summary: "An archive with one file",
      after: ["track/sample"],
      status: 200,
      answer: {
        manifests: [
          {
            version: 1,
            database: "DB",
            objects: [
              {
                name: NAME,
                day: "2020-11-23",
                rows: 1,
                bytes: 3127,
                text_bytes: 45,
                etag: "5a105e8b9d40e1329780d62ea2265d8a",
              },
            ],
          },
        ],
      },
    },
    unknown_parameter: problemExample(
      "An unknown parameter",
      { reason: "invalid_request", faults: [{ pointer: "/page", detail: "is not a parameter of this path" }] },
      { path: "/archive/manifest?page=2" },
    ),
    no_archive: NO_ARCHIVE,
  },
};

const object: Operation = {
  ...COMMON,
  method: "get",
  path: "/archive/objects/{name}",
  operationId: "archiveObject",
  summary: "Download a file of the archive",
  description:
    "The whole file or a range. A query engine reads a file's end first, and then only the columns that it needs. A file " +
    "never changes under its name. HEAD returns its size.",
  parameters: [
    {
      name: "name",
      in: "path",
      required: true,
      description: "The name in the manifest. Its slashes may be percent-encoded.",
      schema: text,
      example: NAME,
    },
    { name: "Range", in: "header", required: false, description: "As in `bytes=-65536`.", schema: text },
    {
      name: "If-Range",
      in: "header",
      required: false,
      description: "Returns the range only if this is the file's ETag.",
      schema: text,
    },
    {
      name: "If-None-Match",
      in: "header",
      required: false,
      description: "Answers 304 if this is the file's ETag.",
      schema: text,
    },
  ],
  answers: {
    200: { description: "The file.", content: { [PARQUET]: { type: "string", format: "binary" } } },
    206: { description: "A range of the file.", content: { [PARQUET]: { type: "string", format: "binary" } } },
    304: { description: "`If-None-Match` has the file's ETag.", content: {} },
    404: NOT_FOUND,
    416: { description: "The file has no such range; `Content-Range` has its size.", content: {} },
  },
  examples: {
    archived: {
      summary: "The first four bytes of a file",
      request: { headers: { Range: "bytes=0-3" } },
      after: ["track/sample"],
      status: 206,
      answer: "PAR1",
    },
    unknown: problemExample(
      "A file that does not exist",
      { reason: "not_found", detail: "This file is no longer in the archive." },
      { path: `/archive/objects/${NAME.replace("000000", "999999")}` },
    ),
    no_archive: NO_ARCHIVE,
  },
};

const run: Operation = {
  ...COMMON,
  method: "post",
  path: "/archive/run",
  operationId: "runArchive",
  summary: "Move old events to the archive now",
  description:
    "Moves events that were written to D1 more than `D1_DAYS` ago to the archive, or sooner if the database fills up. " +
    "Without that setting nothing is moved.",
  parameters: [
    {
      name: "database",
      in: "query",
      required: false,
      description: "The binding of the D1 database.",
      schema: { type: "string", default: "DB" },
    },
  ],
  answers: {
    200: {
      description: "What was done.",
      content: {
        "application/json": record({
          database,
          files: { ...count, description: "How many files were written." },
          rows: { ...count, description: "How many events are in them." },
          bytes: count,
          removed: {
            ...count,
            description: "How many files were removed because they had expired or were merged into one.",
          },
          more: { type: "boolean", description: "Whether time ran out before everything was done." },
        }),
      },
    },
    404: NOT_FOUND,
  },
  examples: {
    archivable: {
      summary: "One old event",
      after: ["track/sample"],
      status: 200,
      answer: { database: "DB", files: 1, rows: 1, bytes: 3127, removed: 0, more: false },
    },
    unbound: problemExample(
      "A database that is not bound",
      { reason: "invalid_request", faults: [{ pointer: "/database", detail: "is not a bound database: DB" }] },
      { path: "/archive/run?database=DB_9" },
    ),
    no_archive: NO_ARCHIVE,
  },
};

export const archiveOperations = [manifest, object, run];
