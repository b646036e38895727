import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";

declare global {
  namespace Cloudflare {
    interface Env {
      // Bound by vitest.config.ts, for tests only.
      MIGRATIONS: D1Migration[];
      SECOND_DB: D1Database;
      THIRD_DB: D1Database;
    }
  }
}

await applyD1Migrations(env.DB, env.MIGRATIONS);
await applyD1Migrations(env.SECOND_DB, env.MIGRATIONS);
await applyD1Migrations(env.THIRD_DB, env.MIGRATIONS);
