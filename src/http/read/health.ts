import { Hono } from "hono";
import { version } from "../../../package.json";
import { settingsOf } from "../../settings.ts";
import type { AppEnv } from "../app-env.ts";
import { checkKey, type KeyKind, secretHealth, SECRETS } from "../keys.ts";
import { problem } from "../problem.ts";
import { keyInHeaders } from "../require-key.ts";
import { rememberedHealth } from "./remembered-health.ts";

/**
 * Whether events can come in and D1 is there, for monitors. Anybody may ask; what it is that fails, and which settings
 * cannot be read, only a read key is told. A bad setting alone is no 503: its fallback holds, and events come in.
 */
export const health = new Hono<AppEnv>().get("/health", async (c) => {
  const databases = await rememberedHealth(c.env);
  const secrets = await badSecrets(c.env);
  const { faults } = settingsOf(c.env);
  const isTrusted = (await checkKey(c.env, "read", keyInHeaders(c))).ok;
  const details = {
    databases,
    ...(Object.keys(secrets).length > 0 && { secrets }),
    ...(Object.keys(faults).length > 0 && { settings: faults }),
  };
  const more = { version, ...(isTrusted ? details : {}) };
  if (Object.keys(secrets).length > 0) return problem(c, { reason: "not_ready" }, more);
  if (Object.values(databases).some((status) => status !== "ok")) return problem(c, { reason: "unhealthy" }, more);
  return c.json({ success: true, status: "ok", ...more });
});

/** The secrets that close routes, each with what is wrong with it. */
async function badSecrets(env: Env): Promise<Record<string, "missing" | "malformed">> {
  const bad: Record<string, "missing" | "malformed"> = {};
  for (const kind of ["write", "read"] satisfies KeyKind[]) {
    const found = await secretHealth(env, kind);
    if (found !== "ok") bad[SECRETS[kind]] = found;
  }
  return bad;
}
