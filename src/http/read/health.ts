import { Hono } from "hono";
import { version } from "../../../package.json";
import { checkDatabases } from "../../d1/check-databases.ts";
import type { AppEnv } from "../app-env.ts";
import { checkKey } from "../keys.ts";
import { problem } from "../problem.ts";
import { keyInHeaders } from "../require-key.ts";

/** Whether D1 is there, for monitors. Anybody may ask; which database it is that fails, only a read key is told. */
export const health = new Hono<AppEnv>().get("/health", async (c) => {
  const found = await checkDatabases(c.env, Date.now());
  const isTrusted = (await checkKey(c.env, "read", keyInHeaders(c))).ok;
  const more = { version, ...(isTrusted ? { databases: found } : {}) };
  const isHealthy = Object.values(found).every((status) => status === "ok");
  return isHealthy ? c.json({ success: true, status: "ok", ...more }) : problem(c, { reason: "unhealthy" }, more);
});
