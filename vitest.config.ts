import { execFileSync } from "node:child_process";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";
import { OF_NODE } from "./test/of-node.ts";

// Not a measure of anything: a crashed alarm is tried again after two seconds, and machines are busy.
const testTimeout = 20_000;

// What wrangler has built before it serves is there for tests, too.
execFileSync(process.execPath, ["scripts/build-openapi.mjs"], { stdio: "inherit" });

/** The tests that run in workerd. */
export async function workerProject() {
  return {
    plugins: [
      cloudflareTest({
        wrangler: { configPath: "./wrangler.toml" },
        miniflare: {
          bindings: { MIGRATIONS: await readD1Migrations("src/d1/migrations") },
          // Under names that the Worker does not take for its own: only tests that ask for them use them.
          d1Databases: ["SECOND_DB", "THIRD_DB"],
          r2Buckets: ["ARCHIVE"],
        },
      }),
    ],
    test: {
      name: "worker",
      include: ["test/**/*.test.ts"],
      exclude: [OF_NODE],
      setupFiles: ["test/apply-migrations.ts"],
      testTimeout,
    },
  };
}

export default defineConfig(async () => ({
  test: {
    projects: [
      await workerProject(),
      // Clients that need Node, against a Worker that runs beside them.
      { test: { name: "sdks", include: ["test/sdks/**/*.test.ts"], testTimeout } },
      { test: { name: "client", include: ["test/client/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 60_000 } },
      {
        test: {
          name: "scripts",
          include: ["test/{scripts,history,mutation,fuzz-run}/**/*.test.ts"],
          testTimeout: 60_000,
        },
      },
      { test: { name: "bench", include: ["test/bench/**/*.test.ts"], testTimeout: 120_000 } },
      // The quick ones of `npm run test:archive`.
      {
        test: { name: "archive", include: ["test/archive-proof/*.test.ts"], testTimeout: 120_000, hookTimeout: 60_000 },
      },
      { test: { name: "docs", include: ["test/{docs,pages}/**/*.test.ts"], testTimeout, hookTimeout: 60_000 } },
    ],
  },
}));
