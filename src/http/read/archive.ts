import { Hono } from "hono";
import * as v from "valibot";
import { archiverOf } from "../../archive/archiver-of.ts";
import { archiveBucket } from "../../archive/bucket.ts";
import { readManifest } from "../../archive/manifest.ts";
import { isObjectName } from "../../archive/object-name.ts";
import { databaseNames } from "../../d1/databases.ts";
import { logFailure } from "../../log-failure.ts";
import type { AppEnv } from "../app-env.ts";
import { problem } from "../problem.ts";
import { requireKey } from "../require-key.ts";
import { parseQuery } from "./query.ts";

const NO_ARCHIVE = "This deployment has no archive: no R2 bucket is bound as ARCHIVE.";

/** The archive of old events: which files there are, the files themselves, and a run on demand. */
export const archive = new Hono<AppEnv>()
  .use("/archive/*", requireKey("read"))

  .get("/archive/manifest", async (c) => {
    const parsed = parseQuery(c, v.strictObject({}));
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const bucket = archiveBucket(c.env);
    if (!bucket) return problem(c, { reason: "not_found", detail: NO_ARCHIVE });
    try {
      const stored = await Promise.all(databaseNames(c.env).map((name) => readManifest(bucket, name)));
      return c.json({ manifests: stored.map(({ manifest }) => manifest) });
    } catch (error) {
      logFailure("archive_unreadable", error, { request_id: c.get("requestId") });
      return problem(c, { reason: "unreachable" });
    }
  })

  // By ranges as well: a query engine reads the end of a file first, and then the columns that it needs.
  .get("/archive/objects/*", async (c) => {
    const bucket = archiveBucket(c.env);
    if (!bucket) return problem(c, { reason: "not_found", detail: NO_ARCHIVE });
    // Some clients encode these two, and no name has another character that would be encoded.
    const name = c.req.path.slice("/archive/objects/".length).replaceAll(/%3D/gi, "=").replaceAll(/%2F/gi, "/");
    if (!isObjectName(name)) return problem(c, { reason: "not_found", detail: "This is no name of an archived file." });
    let object: R2ObjectBody | null;
    try {
      object = await bucket.get(name, { range: c.req.raw.headers });
    } catch (error) {
      // R2 throws for a range that the file does not have.
      const file = await bucket.head(name).catch(() => null);
      if (file) return c.body(null, 416, { "Content-Range": `bytes */${file.size}` });
      logFailure("archive_unreadable", error, { request_id: c.get("requestId") });
      return problem(c, { reason: "unreachable" });
    }
    if (!object) return problem(c, { reason: "not_found", detail: "This file is not in the archive any more." });
    const headers: Record<string, string> = {
      "Content-Type": "application/vnd.apache.parquet",
      "Accept-Ranges": "bytes",
      ETag: object.httpEtag,
    };
    if (c.req.header("range") === undefined || !object.range)
      return c.body(object.body, 200, { ...headers, "Content-Length": String(object.size) });
    const { start, end } = boundsOf(object.range, object.size);
    headers["Content-Range"] = `bytes ${start}-${end}/${object.size}`;
    return c.body(object.body, 206, { ...headers, "Content-Length": String(end - start + 1) });
  })

  .post("/archive/run", async (c) => {
    const parsed = parseQuery(c, v.strictObject({ database: v.optional(v.string(), "DB") }));
    if (!parsed.ok) return problem(c, { reason: "invalid_request", faults: parsed.faults });
    const { database } = parsed.query;
    if (!databaseNames(c.env).includes(database)) {
      const detail = `is not a bound database: ${databaseNames(c.env).join(", ")}`;
      return problem(c, { reason: "invalid_request", faults: [{ pointer: "/database", detail }] });
    }
    const run = await archiverOf(c.env, database).run();
    if (!run) return problem(c, { reason: "not_found", detail: NO_ARCHIVE });
    return run.ok ? c.json({ database, ...run.report }) : problem(c, { reason: "unreachable" });
  });

/** The first and the last byte of a range, as a `Content-Range` names them. */
function boundsOf(range: R2Range, size: number): { start: number; end: number } {
  const { offset, length, suffix } = range as { offset?: number; length?: number; suffix?: number };
  const start = suffix === undefined ? (offset ?? 0) : Math.max(0, size - suffix);
  return { start, end: Math.min(size, start + (length ?? size)) - 1 };
}
