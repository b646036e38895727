import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-pool-workers";
import { defineConfig } from "vitest/config";

export default defineConfig(async () => ({
  plugins: [
    cloudflareTest({
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: {
        bindings: { MIGRATIONS: await readD1Migrations("src/d1/migrations") },
        // Under a name that the Worker does not take for one of its own: only tests that ask for it use it.
        d1Databases: ["SECOND_DB"],
      },
    }),
  ],
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/apply-migrations.ts"],
  },
}));
