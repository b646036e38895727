import { Hono } from "hono";
import { version } from "../../../package.json";
import type { ArchiverStatus } from "../../archive/archiver.ts";
import type { DatabaseHealth } from "../../d1/check-databases.ts";
import { formatTimestamp } from "../../event/timestamp.ts";
import { MAX_DATABASE_BYTES } from "../../limits.ts";
import { settingsOf } from "../../settings.ts";
import type { AppEnv } from "../app-env.ts";
import { checkKey, secretsHealth } from "../keys.ts";
import { problem } from "../problem.ts";
import { keyInHeaders } from "../require-key.ts";
import { rememberedHealth } from "./remembered-health.ts";

/**
 * Tells monitors whether events are accepted and reach D1. Anybody may ask. Only with a read key does the answer say
 * what fails and which settings cannot be read. An archive that makes no progress is no 503, because its events are
 * still in D1. An unreadable setting alone is no 503 either, because its fallback keeps events coming in; only
 * JURISDICTION has none.
 */
export const health = new Hono<AppEnv>().get("/health", async (c) => {
  const { databases, archives } = await rememberedHealth(c.env);
  const secrets = Object.entries(await secretsHealth(c.env)).filter(([, found]) => found !== "ok");
  const { faults } = settingsOf(c.env);
  const isTrusted = (await checkKey(c.env, "read", keyInHeaders(c))).ok;
  const details = {
    databases: Object.fromEntries(Object.entries(databases).map(([name, found]) => [name, told(found)])),
    ...(Object.keys(archives).length > 0 && {
      archive: Object.fromEntries(Object.entries(archives).map(([name, found]) => [name, toldOfArchive(found)])),
    }),
    ...(secrets.length > 0 && { secrets: Object.fromEntries(secrets) }),
    ...(Object.keys(faults).length > 0 && { settings: faults }),
  };
  const more = { version, ...(isTrusted ? details : {}) };
  if (secrets.length > 0 || faults.JURISDICTION) return problem(c, { reason: "not_ready" }, more);
  if (Object.values(databases).some(({ status }) => status !== "ok")) return problem(c, { reason: "unhealthy" }, more);
  return c.json({ success: true, status: "ok", ...more });
});

function told(found: DatabaseHealth) {
  const { status, isClosed, incarnation, lastWrite, sizeBytes, usersWaiting, eventsWaiting, waitingSince } = found;
  return {
    status,
    closed: isClosed,
    last_write: timeOf(lastWrite),
    size_bytes: sizeBytes,
    size_share: sizeBytes === null ? null : Number((sizeBytes / MAX_DATABASE_BYTES).toFixed(4)),
    incarnation,
    users_waiting: usersWaiting,
    events_waiting: eventsWaiting,
    waiting_since: timeOf(waitingSince),
  };
}

function toldOfArchive(found: ArchiverStatus | null) {
  if (!found) return { status: "no_archiver" };
  const { job, moved, waiting, lastRunAt, lastSuccessAt, lastError } = found;
  return {
    status: lastError === null ? "ok" : "failed",
    last_run: timeOf(lastRunAt),
    last_success: timeOf(lastSuccessAt),
    last_error: lastError,
    waiting_rows: waiting && waiting.rows,
    waiting_days: waiting && waiting.days,
    job: job && { kind: job.kind, state: job.state, since: formatTimestamp(job.plannedAt) },
    archived_files: moved.files,
    archived_rows: moved.rows,
    archived_bytes: moved.bytes,
  };
}

function timeOf(at: number | null): string | null {
  return at === null ? null : formatTimestamp(at);
}
