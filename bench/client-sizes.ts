import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

// `node bench/client-sizes.ts` prints how much a page loads for each client, bundled with everything that the client imports,
// minified and gzipped. It installs the other clients into a temporary folder, and removes it afterwards.

/** What a page imports from each client, by the client's version. */
const OTHERS: Record<string, string> = {
  "mixpanel-browser@2.83.0": 'export { default } from "mixpanel-browser"',
  "posthog-js@1.449.2": 'export { default } from "posthog-js"',
  "@amplitude/analytics-browser@2.48.1": 'export { init, track } from "@amplitude/analytics-browser"',
  "@openpanel/web@1.4.1": 'export { OpenPanel } from "@openpanel/web"',
  "@segment/analytics-next@1.84.3": 'export { AnalyticsBrowser } from "@segment/analytics-next"',
  "@rudderstack/analytics-js@3.34.1": 'export { RudderAnalytics } from "@rudderstack/analytics-js"',
  "@jitsu/js@1.11.0": 'export { jitsuAnalytics } from "@jitsu/js"',
  "@snowplow/browser-tracker@4.10.1":
    'export { newTracker, trackSelfDescribingEvent } from "@snowplow/browser-tracker"',
  "@plausible-analytics/tracker@0.4.6": 'export { init, track } from "@plausible-analytics/tracker"',
  "@counterscale/tracker@3.4.1": 'export { init, trackPageview } from "@counterscale/tracker"',
};

async function gzippedBytes(contents: string, resolveDir: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    write: false,
    logLevel: "error",
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

execFileSync(process.execPath, ["client/build.mjs"], { stdio: "inherit" });
const folder = mkdtempSync(join(tmpdir(), "tracklog-sizes-"));
try {
  const flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  execFileSync("npm", ["install", "--prefix", folder, ...flags, ...Object.keys(OTHERS)], { stdio: "inherit" });
  const sizes: [string, number][] = [
    ["@tracklog/client", await gzippedBytes('export { createClient } from "./client/dist/index.js"', ".")],
    ["/t.js", await gzippedBytes('import "./client/dist/t.js"', ".")],
  ];
  for (const [name, source] of Object.entries(OTHERS)) sizes.push([name, await gzippedBytes(source, folder)]);
  for (const [name, bytes] of sizes.sort(([, a], [, b]) => b - a))
    console.log(`${(bytes / 1000).toFixed(2).padStart(7)} KB  ${name}`);
} finally {
  rmSync(folder, { recursive: true });
}
