import { Hono } from "hono";
import { version } from "../../../package.json";
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
 * Whether events can come in and reach D1, for monitors. Anybody may ask; what it is that fails, and which settings
 * cannot be read, only a read key is told. A bad setting alone is no 503, as its fallback holds and events come in;
 * only JURISDICTION has none.
 */
export const health = new Hono<AppEnv>().get("/health", async (c) => {
  const databases = await rememberedHealth(c.env);
  const secrets = Object.entries(await secretsHealth(c.env)).filter(([, found]) => found !== "ok");
  const { faults } = settingsOf(c.env);
  const isTrusted = (await checkKey(c.env, "read", keyInHeaders(c))).ok;
  const details = {
    databases: Object.fromEntries(Object.entries(databases).map(([name, found]) => [name, told(found)])),
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
    last_write: lastWrite === null ? null : formatTimestamp(lastWrite),
    size_bytes: sizeBytes,
    size_share: sizeBytes === null ? null : Number((sizeBytes / MAX_DATABASE_BYTES).toFixed(4)),
    incarnation,
    users_waiting: usersWaiting,
    events_waiting: eventsWaiting,
    waiting_since: waitingSince === null ? null : formatTimestamp(waitingSince),
  };
}
