import { Hono } from "hono";
import { secretsHealth } from "../keys.ts";
import { settingsOf } from "../../settings.ts";
import type { AppEnv } from "../app-env.ts";
import { requireKey } from "../require-key.ts";
import { archiveMetrics } from "./metrics-of-archive.ts";
import { databaseMetrics, writerMetrics } from "./metrics-of-databases.ts";
import { configurationMetrics } from "./metrics-of-configuration.ts";
import { METRICS_TYPE, metricsText } from "./metrics-text.ts";
import { rememberedHealth } from "./remembered-health.ts";

/**
 * The deployment's metrics, in Prometheus' text format. They share the results that /health remembers, so they cost no
 * more and may be a few seconds old. Counters restart when an object wakes up.
 */
export const metrics = new Hono<AppEnv>().get("/metrics", requireKey("read"), async (c) => {
  const { databases, archives } = await rememberedHealth(c.env);
  const text = metricsText([
    ...configurationMetrics(await secretsHealth(c.env), settingsOf(c.env).faults),
    ...databaseMetrics(databases, Date.now()),
    ...writerMetrics(databases),
    ...archiveMetrics(archives),
  ]);
  return c.body(text, 200, { "Content-Type": METRICS_TYPE });
});
