import { Hono } from "hono";
import type { AppEnv } from "../app-env.ts";
import { admit, requireKey } from "../require-key.ts";

/** The settings that browser SDKs fetch before they send anything, in place of their vendors' CDNs. */
export const sdkSettings = new Hono<AppEnv>()
  .get("/v1/projects/:key/settings", async (c) => {
    const key = c.req.param("key");
    return (await admit(c, "write", key)) ?? c.json(analyticsJsSettings(key, new URL(c.req.url)));
  })
  .get("/sourceConfig", requireKey("write"), (c) => c.json(rudderSourceConfig()));

/**
 * For @segment/analytics-next: `CDNSettings` in its browser/settings.d.ts. Lists only Segment's own integration,
 * because the SDK would load others from the CDN. A sample rate of 0 keeps the SDK from sending metrics about itself.
 */
function analyticsJsSettings(apiKey: string, { host, protocol }: URL) {
  const apiHost = `${host}/v1`;
  return {
    integrations: { "Segment.io": { apiKey, apiHost, protocol: protocol.slice(0, -1) } },
    plan: { track: { __default: { enabled: true, integrations: {} } } },
    metrics: { sampleRate: 0, host: apiHost },
  };
}

/** For @rudderstack/analytics-js: what its `isValidSourceConfig` requires, with reports to its vendor turned off. */
function rudderSourceConfig() {
  const off = { enabled: false };
  return {
    source: {
      id: "tracklog",
      name: "Tracklog",
      workspaceId: "tracklog",
      enabled: true,
      config: { statsCollection: { errors: off, metrics: off } },
      destinations: [],
    },
  };
}
