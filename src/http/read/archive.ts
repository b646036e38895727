import { type Context, Hono } from "hono";
import * as v from "valibot";
import { archiverOf } from "../../archive/archiver-of.ts";
import { archiveBucket, Bucket } from "../../archive/bucket.ts";
import { type Manifest, readManifest } from "../../archive/manifest.ts";
import { parseObjectName } from "../../archive/object-name.ts";
import { databaseNames } from "../../d1/databases.ts";
import { logFailure } from "../../log-failure.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { parseByteRange } from "./byte-range.ts";
import { parseQuery } from "./query.ts";

const NO_ARCHIVE = "This deployment has no archive: no R2 bucket is bound as ARCHIVE.";

/** The archive of old events: the list of its files, the files themselves, and a run on demand. */
export const archive = new Hono<AppEnv>()
  .use("/archive/*", requireKey("read"))

  .get("/archive/manifest", async (c) => {
    const parsed = parseQuery(c, v.strictObject({}));
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const bucket = archiveBucket(c.env);
    if (!bucket) return problem(c, { reason: "not_found", detail: NO_ARCHIVE });
    try {
      const manifests = await Promise.all(databaseNames(c.env).map((name) => wholeManifest(c.env, bucket, name)));
      return c.json({ manifests });
    } catch (error) {
      return unreadable(c, error);
    }
  })

  // Supports ranges, because a query engine reads the end of a file first and then the columns that it needs. A file
  // never changes under its name, so its head still describes it when the parts are read.
  .get("/archive/objects/*", async (c) => {
    const bucket = archiveBucket(c.env);
    if (!bucket) return problem(c, { reason: "not_found", detail: NO_ARCHIVE });
    // Some clients encode these two; names hold no other character that is ever encoded.
    const name = c.req.path.slice("/archive/objects/".length).replaceAll(/%3D/gi, "=").replaceAll(/%2F/gi, "/");
    if (!parseObjectName(name))
      return problem(c, { reason: "not_found", detail: "This is not the name of an archived file." });
    const gone = () => problem(c, { reason: "not_found", detail: "This file is no longer in the archive." });
    try {
      const file = await bucket.head(name);
      if (!file) return gone();
      const headers = {
        "Content-Type": "application/vnd.apache.parquet",
        "Accept-Ranges": "bytes",
        "Last-Modified": file.uploaded.toUTCString(),
        ETag: file.httpEtag,
      };
      if (isListed(c.req.header("if-none-match"), file.httpEtag)) return c.body(null, 304, headers);
      // With If-Range the reader wants a part only if the file is the one it knows.
      const isKnown = (c.req.header("if-range") ?? file.httpEtag) === file.httpEtag;
      const range = isKnown ? parseByteRange(c.req.header("range"), file.size) : null;
      if (range === "unsatisfiable")
        return c.body(null, 416, { "Accept-Ranges": "bytes", "Content-Range": `bytes */${file.size}` });
      const { start, end } = range ?? { start: 0, end: file.size - 1 };
      const length = end - start + 1;
      const told = {
        ...headers,
        "Content-Length": String(length),
        ...(range && { "Content-Range": `bytes ${start}-${end}/${file.size}` }),
      };
      if (c.req.method === "HEAD") return c.body(null, range ? 206 : 200, told);
      const object = await bucket.get(name, { range: { offset: start, length } });
      return object ? c.body(object.body, range ? 206 : 200, told) : gone();
    } catch (error) {
      return unreadable(c, error);
    }
  })

  .post("/archive/run", async (c) => {
    const parsed = parseQuery(c, v.strictObject({ database: v.optional(v.string(), "DB") }));
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const { database } = parsed.query;
    if (!databaseNames(c.env).includes(database)) {
      const detail = `is not a bound database: ${databaseNames(c.env).join(", ")}`;
      return problem(c, { reason: "invalid_request", faults: [{ pointer: "/database", detail }] });
    }
    // The platform may end the archiver halfway. The next run finishes what this one has begun.
    const run = await archiverOf(c.env, database)
      .run()
      .catch((error: unknown) => ({ ok: false as const, error: String(error) }));
    if (!run) return problem(c, { reason: "not_found", detail: NO_ARCHIVE });
    if (run.ok) return c.json({ database, ...run.report });
    logFailure("archive_run_failed", run.error, { request_id: c.get("requestId") });
    return problem(c, { reason: "unreachable" });
  });

/**
 * Throws if the manifest is lost, since the files that it listed must not seem to be gone. The next run builds it
 * again.
 */
async function wholeManifest(env: Env, bucket: R2Bucket, database: string): Promise<Manifest> {
  // Asks the archiver first. Asked second, it might already know a newer manifest than the one that was read.
  const { manifestVersion } = await archiverOf(env, database).status();
  const { manifest } = await readManifest(new Bucket(bucket), database);
  if (manifest.version < (manifestVersion ?? 0)) throw new Error("The archive's manifest is missing");
  return manifest;
}

/** Whether an `If-None-Match` names a file. */
function isListed(header: string | undefined, etag: string): boolean {
  return (header ?? "").split(",").some((listed) => ["*", etag].includes(listed.trim().replace(/^W\//, "")));
}

function unreadable(c: Context<AppEnv>, error: unknown): Response {
  logFailure("archive_unreadable", error, { request_id: c.get("requestId") });
  return problem(c, { reason: "unreachable" });
}
