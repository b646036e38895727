import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

export default defineConfig(async () => ({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: { bindings: { MIGRATIONS: await readD1Migrations("src/d1/migrations") } },
    }),
  ],
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/apply-migrations.ts"],
    // Not a measure of anything: a crashed alarm is tried again after two seconds, and machines are busy.
    testTimeout: 20_000,
  },
}));
